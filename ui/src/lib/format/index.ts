export * from './number';
export * from './text';
export * from './time';
export { words, type Piece } from './diff';
export { csv } from './csv';
