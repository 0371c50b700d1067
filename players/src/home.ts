import './elements/home-page.ts';
