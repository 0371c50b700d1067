import './elements/watch-page.ts';
