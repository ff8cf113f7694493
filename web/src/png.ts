// A PNG says how large it is: browsers write no resolution into the pictures of canvases.

const IHDR_END = 8 + 25; // the signature, then the header's length, type, 13 bytes and checksum

/** The same picture with a resolution. */
export async function withResolution(png: Blob, pixelsPerMm: number): Promise<Blob> {
  const perMetre = Math.round(1000 * pixelsPerMm);
  const chunk = new DataView(new ArrayBuffer(21));
  chunk.setUint32(0, 9);
  [..."pHYs"].forEach((letter, i) => chunk.setUint8(4 + i, letter.charCodeAt(0)));
  chunk.setUint32(8, perMetre);
  chunk.setUint32(12, perMetre);
  chunk.setUint8(16, 1); // the unit is the metre
  chunk.setUint32(17, crc32(new Uint8Array(chunk.buffer, 4, 13)));
  return new Blob([png.slice(0, IHDR_END), chunk.buffer, png.slice(IHDR_END)], { type: "image/png" });
}

function crc32(bytes: Uint8Array): number {
  let value = 0xffffffff;
  for (const byte of bytes) {
    value ^= byte;
    for (let bit = 0; bit < 8; bit++) value = (value >>> 1) ^ (value & 1 ? 0xedb88320 : 0);
  }
  return ~value >>> 0;
}
