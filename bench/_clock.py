"""Reading the burnt-in clock of the test pattern in a page: for the benchmarks and the end-to-end tests."""

from typing import Final

READ_CLOCK_OF: Final = """
(video) => {
  // The strip of transcoder/engine/clockstrip.py: two rows of 28 blocks, 48 bits of milliseconds, CRC-8.
  const columns = 28, bits = 56, rowHeight = video.videoHeight / 24;
  const canvas = window.clockCanvas ??= document.createElement('canvas');
  const width = canvas.width = video.videoWidth;
  const height = canvas.height = Math.ceil(2 * rowHeight);
  if (!width || !height) return null;
  const context = canvas.getContext('2d', {willReadFrequently: true});
  context.drawImage(video, 0, 0, width, height, 0, 0, width, height);
  const pixels = context.getImageData(0, 0, width, height).data;
  const bytes = new Array(7).fill(0);
  for (let bit = 0; bit < bits; bit++) {
    const x = Math.floor((bit % columns + 0.5) * width / columns);
    const y = Math.floor((Math.floor(bit / columns) + 0.5) * rowHeight);
    if (pixels[(y * width + x) * 4 + 1] >= 128) bytes[bit >> 3] |= 0x80 >> (bit & 7);
  }
  let register = 0xff;
  for (const byte of bytes.slice(0, 6)) {
    register ^= byte;
    for (let n = 0; n < 8; n++) register = register & 0x80 ? ((register << 1) ^ 7) & 0xff : register << 1;
  }
  if (register !== bytes[6]) return null;
  return bytes.slice(0, 6).reduce((value, byte) => value * 256 + byte, 0);
}"""
"""A JavaScript function of a video element: unix milliseconds at which its picture was drawn, or null."""
