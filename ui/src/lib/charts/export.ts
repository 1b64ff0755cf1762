// A chart as it stands on the screen, as a file of its own: computed colours and fonts are written into it.
import { download } from '$lib/state/share';
import { ink } from './palette';

const PROPERTIES = [
  'fill',
  'fill-opacity',
  'stroke',
  'stroke-width',
  'stroke-dasharray',
  'stroke-opacity',
  'stroke-linecap',
  'stroke-linejoin',
  'opacity',
  'font-size',
  'font-weight',
  'text-anchor',
  'dominant-baseline',
];
const MARGIN = 12;

export function standalone(chart: SVGSVGElement): { text: string; width: number; height: number } {
  const box = chart.viewBox.baseVal;
  const [width, height] = box && box.width ? [box.width, box.height] : [chart.clientWidth, chart.clientHeight];
  const copy = chart.cloneNode(true) as SVGSVGElement;
  const originals = [chart, ...chart.querySelectorAll('*')];
  [copy, ...copy.querySelectorAll('*')].forEach((element, i) => {
    const original = originals[i];
    if (!original) return;
    const style = getComputedStyle(original);
    for (const property of PROPERTIES) {
      const value = style.getPropertyValue(property);
      if (value) element.setAttribute(property, value);
    }
    element.removeAttribute('style');
    element.removeAttribute('class');
    // Leads nowhere outside of the window.
    element.removeAttribute('href');
  });
  const [w, h] = [width + 2 * MARGIN, height + 2 * MARGIN];
  copy.setAttribute('xmlns', 'http://www.w3.org/2000/svg');
  copy.setAttribute('width', String(w));
  copy.setAttribute('height', String(h));
  copy.setAttribute('viewBox', `${-MARGIN} ${-MARGIN} ${w} ${h}`);
  copy.setAttribute('font-family', 'Inter, Helvetica, Arial, sans-serif');
  const ground = document.createElementNS('http://www.w3.org/2000/svg', 'rect');
  for (const [key, value] of Object.entries({ x: -MARGIN, y: -MARGIN, width: w, height: h, fill: ink('surface') }))
    ground.setAttribute(key, String(value));
  copy.prepend(ground);
  return { text: new XMLSerializer().serializeToString(copy), width: w, height: h };
}

/** A canvas chart under its title, on the ground that it has on the screen. */
export function saveCanvas(chart: HTMLCanvasElement, title: string, name: string) {
  const scale = devicePixelRatio || 1;
  const [pad, head] = [MARGIN * scale, 24 * scale];
  const canvas = document.createElement('canvas');
  canvas.width = chart.width + 2 * pad;
  canvas.height = chart.height + head + 2 * pad;
  const pen = canvas.getContext('2d');
  if (!pen) return;
  pen.fillStyle = ink('surface');
  pen.fillRect(0, 0, canvas.width, canvas.height);
  pen.fillStyle = ink('text');
  pen.font = `600 ${13 * scale}px "Inter Variable", sans-serif`;
  pen.textBaseline = 'top';
  pen.fillText(title, pad, pad);
  pen.drawImage(chart, pad, pad + head);
  canvas.toBlob((blob) => blob && void download(`${name}.png`, blob), 'image/png');
}

export function saveSvg(chart: SVGSVGElement, name: string) {
  void download(`${name}.svg`, standalone(chart).text);
}

export async function savePng(chart: SVGSVGElement, name: string, scale = 3) {
  const { text, width, height } = standalone(chart);
  const picture = new Image();
  picture.src = `data:image/svg+xml;charset=utf-8,${encodeURIComponent(text)}`;
  await picture.decode();
  const canvas = document.createElement('canvas');
  canvas.width = Math.round(width * scale);
  canvas.height = Math.round(height * scale);
  canvas.getContext('2d')?.drawImage(picture, 0, 0, canvas.width, canvas.height);
  const blob = await new Promise<Blob | null>((done) => canvas.toBlob(done, 'image/png'));
  if (blob) await download(`${name}.png`, blob);
}
