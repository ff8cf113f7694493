// The random numbers of jax: threefry2x32, and normal numbers from its bits, so that a seed gives the same style here
// as in Python. (Salmon et al., Parallel Random Numbers: As Easy as 1, 2, 3, 2011.)

export type Key = readonly [number, number];

const ROTATIONS = [
  [13, 15, 26, 6],
  [17, 29, 16, 24],
] as const;

/** The key of `jax.random.key(seed)`, for seeds below 2^32. */
export function keyOf(seed: number): Key {
  return [0, seed >>> 0];
}

function threefry([key0, key1]: Key, high: number, low: number): [number, number] {
  const keys = [key0, key1, key0 ^ key1 ^ 0x1bd11bda];
  let x = (high + key0) | 0;
  let y = (low + key1) | 0;
  for (let round = 0; round < 5; round++) {
    for (const rotation of ROTATIONS[round % 2]!) {
      x = (x + y) | 0;
      y = ((y << rotation) | (y >>> (32 - rotation))) ^ x;
    }
    x = (x + keys[(round + 1) % 3]!) | 0;
    y = (y + keys[(round + 2) % 3]! + round + 1) | 0;
  }
  return [x, y];
}

/** `jax.random.normal(key, (count,))`. */
export function normal(key: Key, count: number): Float32Array {
  const numbers = new Float32Array(count);
  const word = new DataView(new ArrayBuffer(4));
  const low = Math.fround(-1 + 2 ** -24); // the float32 above -1
  const range = Math.fround(1 - low);
  for (let i = 0; i < count; i++) {
    const [x, y] = threefry(key, 0, i);
    word.setUint32(0, ((x ^ y) >>> 9) | 0x3f800000);
    const unit = word.getFloat32(0) - 1; // in [0, 1)
    const uniform = Math.max(low, Math.fround(Math.fround(unit * range) + low));
    numbers[i] = Math.SQRT2 * inverseErf(uniform);
  }
  return numbers;
}

const CENTRAL = [
  2.81022636e-8, 3.43273939e-7, -3.5233877e-6, -4.39150654e-6, 0.00021858087, -0.00125372503, -0.00417768164,
  0.246640727, 1.50140941,
];
const TAIL = [
  -0.000200214257, 0.000100950558, 0.00134934322, -0.00367342844, 0.00573950773, -0.0076224613, 0.00943887047,
  1.00167406, 2.83297682,
];

/** By the polynomials that XLA uses for float32 (Giles, Approximating the erfinv function, 2010). */
function inverseErf(x: number): number {
  const w = -Math.log1p(-x * x);
  const isCentral = w < 5;
  const argument = isCentral ? w - 2.5 : Math.sqrt(w) - 3;
  return x * (isCentral ? CENTRAL : TAIL).reduce((sum, coefficient) => sum * argument + coefficient, 0);
}
