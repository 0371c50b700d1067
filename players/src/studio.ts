import './elements/studio-page.ts';
