// Styles: latent vectors z, drawn from a seed, between two others, or varied a little.

import { keyOf, normal, type Key } from "./random";

export type Style = Float32Array;

const VARIATION = 0.25; // as in hwgan/sampling/sampler.py

/** The style of a seed, z ~ N(0, T² I). */
export function styleOfSeed(seed: number, size: number, temperature: number): Style {
  return normal(keyOf(seed), size).map((value) => temperature * value);
}

/** Spherical interpolation: a straight line would pass near the origin, where no styles are. */
export function between(first: Style, last: Style, share: number): Style {
  const lengths = [norm(first), norm(last)] as const;
  const dot = first.reduce((sum, value, i) => sum + value * last[i]!, 0);
  const angle = Math.acos(Math.min(1, Math.max(-1, dot / (lengths[0] * lengths[1]))));
  const sine = Math.sin(angle);
  const isStraight = sine < 1e-3;
  const a = isStraight ? 1 - share : Math.sin((1 - share) * angle) / sine;
  const b = isStraight ? share : Math.sin(share * angle) / sine;
  const length = (1 - share) * lengths[0] + share * lengths[1];
  return first.map((value, i) => length * ((a * value) / lengths[0] + (b * last[i]!) / lengths[1]));
}

/** A style close to another and as likely: √(1 - a²) z + a noise. */
export function vary(style: Style, temperature: number, key: Key): Style {
  const noise = normal(key, style.length);
  const keep = Math.sqrt(1 - VARIATION ** 2);
  return style.map((value, i) => keep * value + VARIATION * temperature * noise[i]!);
}

function norm(style: Style): number {
  return Math.max(Math.hypot(...style), 1e-9);
}
