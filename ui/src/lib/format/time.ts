import { NONE } from './number';

const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];
const two = (n: number) => String(n).padStart(2, '0');

/** 548 → 9 min 8 s. */
export function duration(seconds: number | null | undefined): string {
  if (typeof seconds !== 'number' || !Number.isFinite(seconds)) return NONE;
  if (seconds < 10) return `${seconds.toFixed(1)} s`;
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${whole % 60} s`;
  if (whole < 86_400) return `${Math.floor(whole / 3600)} h ${Math.floor((whole % 3600) / 60)} min`;
  return `${Math.floor(whole / 86_400)} d ${Math.floor((whole % 86_400) / 3600)} h`;
}

/** Seconds as precise as a guess is. */
export function roughly(seconds: number): number {
  const to = (step: number) => Math.round(seconds / step) * step;
  if (to(1) < 60) return to(1);
  if (to(10) < 600) return to(10);
  if (to(60) < 5400) return to(60);
  return to(1800) < 172_800 ? to(1800) : to(43_200);
}

/** As precise as a guess is: 8 s, 1 min 30 s, 12 min, 1.5 h. */
export function rough(seconds: number | null | undefined): string {
  if (typeof seconds !== 'number' || !Number.isFinite(seconds)) return NONE;
  if (seconds < 1) return '< 1 s';
  const whole = roughly(seconds);
  if (whole >= 172_800) return `${whole / 86_400} d`;
  if (whole >= 5400) return `${whole / 3600} h`;
  const [minutes, rest] = [Math.floor(whole / 60), whole % 60];
  return [minutes > 0 && `${minutes} min`, (rest > 0 || minutes === 0) && `${rest} s`].filter(Boolean).join(' ');
}

/** As one says it of what is still to come. */
export function about(seconds: number | null): string {
  if (seconds === null || !Number.isFinite(seconds)) return NONE;
  return seconds < 45 ? 'less than a minute' : `about ${rough(seconds)}`;
}

export function dateTime(ms: number | null | undefined): string {
  if (typeof ms !== 'number') return NONE;
  const d = new Date(ms);
  return `${d.getDate()} ${MONTHS[d.getMonth()]} ${d.getFullYear()}, ${two(d.getHours())}:${two(d.getMinutes())}`;
}

export function ago(ms: number, now = Date.now()): string {
  const seconds = (now - ms) / 1000;
  if (seconds < 60) return 'just now';
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ago`;
  if (seconds < 86_400) return `${Math.floor(seconds / 3600)} h ago`;
  if (seconds < 7 * 86_400) return `${Math.floor(seconds / 86_400)} d ago`;
  return dateTime(ms).split(',')[0] ?? '';
}
