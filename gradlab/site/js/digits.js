// Bytes as text: four of them in five characters, as Python's `base64.b85encode` writes them.

const DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz!#$%&()*+-;<=>?@^_`{|}~";

/** Raises an Error for a character that is no digit. @param {string} text */
export function bytes(text) {
  const value = new Uint8Array(128).fill(255);
  for (let i = 0; i < DIGITS.length; i++) value[DIGITS.charCodeAt(i)] = i;
  const absent = (5 - (text.length % 5)) % 5, whole = text + "~".repeat(absent); // the last four bytes may be fewer
  const found = new DataView(new ArrayBuffer(whole.length / 5 * 4));
  for (let at = 0, to = 0; at < whole.length; to += 4) {
    let four = 0;
    for (let i = 0; i < 5; i++) {
      const digit = value[whole.charCodeAt(at++)];
      if (!(digit < 85)) throw new Error(`character ${at} of its text is not one that is written there`);
      four = four * 85 + digit;
    }
    found.setUint32(to, four);
  }
  return new Uint8Array(found.buffer, 0, found.byteLength - absent);
}
