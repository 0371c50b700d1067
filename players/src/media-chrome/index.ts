/** The media-chrome elements that the player is made of, ready for a strict content security policy. */
import { release } from './held.ts';
import { MediaChromeButton } from 'media-chrome/dist/media-chrome-button.js';
import { MediaChromeRange } from 'media-chrome/dist/media-chrome-range.js';
import { MediaContainer } from 'media-chrome/dist/media-container.js';
import MediaControlBar from 'media-chrome/dist/media-control-bar.js';
import MediaGestureReceiver from 'media-chrome/dist/media-gesture-receiver.js';
import MediaTooltip from 'media-chrome/dist/media-tooltip.js';
import 'media-chrome/dist/media-controller.js';
import 'media-chrome/dist/media-fullscreen-button.js';
import 'media-chrome/dist/media-mute-button.js';
import 'media-chrome/dist/media-pip-button.js';
import 'media-chrome/dist/media-play-button.js';
import 'media-chrome/dist/media-volume-range.js';
import { adoptStyles } from './styles.ts';

for (const elementClass of [
  MediaTooltip,
  MediaChromeButton,
  MediaChromeRange,
  MediaContainer,
  MediaControlBar,
  MediaGestureReceiver,
]) {
  adoptStyles(elementClass as unknown as CustomElementConstructor);
}
release();
