//! Grouped-query causal attention with what turns its heads, over packed texts and over a key/value cache.
//!
//! Rows of `qkv` hold the query heads, then the key heads, then the value heads. Keys and values are never repeated for their
//! query heads, and what texts have in common is computed once for all of them.
use super::Shared;
use super::matmul::{Mat, Write, matmul};
use super::rows::{dot, exp, largest, sum};
use super::turn::{Side, Turn};
use crate::packed::{Packed, Piece, rows};
use rayon::prelude::*;
use std::ops::Range;

/// How a row of `qkv` is divided.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Heads {
    pub query: usize,
    pub key_value: usize,
    /// Width of one head.
    pub width: usize,
}

impl Heads {
    /// Values in a row of `qkv`.
    pub fn row(self) -> usize {
        (self.query + 2 * self.key_value) * self.width
    }
    /// Values in a row of the output.
    pub fn out(self) -> usize {
        self.query * self.width
    }
    /// Values that the cache keeps of a row for keys (and as many for values).
    pub fn cached(self) -> usize {
        self.key_value * self.width
    }
    fn queries_per_key(self) -> usize {
        self.query / self.key_value
    }
    fn key(self, head: usize) -> usize {
        (self.query + head) * self.width
    }
    fn value(self, head: usize) -> usize {
        (self.query + self.key_value + head) * self.width
    }
    /// Whose head begins at a column before the values.
    fn side(self, column: usize) -> Side {
        if column < self.out() { Side::Query } else { Side::Key }
    }
    fn scale(self) -> f32 {
        1.0 / (self.width as f32).sqrt()
    }
}

/// One tree's rows of one key/value head, dense: keys already turned.
struct Local {
    keys: Vec<f32>,
    values: Vec<f32>,
    rows: Range<usize>,
    width: usize,
}

impl Local {
    fn new(qkv: &[f32], packed: &Packed, rows: Range<usize>, heads: Heads, head: usize, turn: &Turn) -> Self {
        let width = heads.width;
        let keys = turned(qkv, packed, rows.clone(), heads, heads.key(head), turn);
        let mut values = Vec::with_capacity(rows.len() * width);
        for row in rows.clone() {
            values.extend_from_slice(&qkv[row * heads.row() + heads.value(head)..][..width]);
        }
        Self { keys, values, rows, width }
    }
    /// Where `rows` (numbers of the whole batch) lie in this tree's buffers.
    fn range(&self, rows: &Range<usize>) -> Range<usize> {
        (rows.start - self.rows.start) * self.width..(rows.end - self.rows.start) * self.width
    }
}

/// One head (starting at `column` of each row) of `rows`, turned, dense.
fn turned(qkv: &[f32], packed: &Packed, rows: Range<usize>, heads: Heads, column: usize, turn: &Turn) -> Vec<f32> {
    let mut out = vec![0.0; rows.len() * heads.width];
    for (row, out) in rows.zip(out.chunks_exact_mut(heads.width)) {
        turn.forward(out, &qkv[row * heads.row() + column..][..heads.width], packed.positions[row], heads.side(column));
    }
    out
}

/// Probabilities [own rows, seen + own rows] of one head in one piece.
fn probabilities(buffer: &mut Vec<f32>, queries: &[f32], local: &Local, piece: &Piece, heads: Heads) {
    let (n, c) = (piece.rows.len(), piece.seen());
    let columns = c + n;
    buffer.resize(n * columns, 0.0);
    let queries = Mat::new(queries, n, heads.width);
    for (rows, column) in piece.parts() {
        let keys = Mat::new(&local.keys[local.range(rows)], rows.len(), heads.width);
        matmul(&mut buffer[column..], columns, Write::Replace, heads.scale(), queries, keys.t(), 1);
    }
    for (i, row) in buffer.chunks_exact_mut(columns).enumerate() {
        let (seen, hidden) = row.split_at_mut(c + i + 1);
        softmax(seen);
        hidden.fill(0.0);
    }
}

fn softmax(row: &mut [f32]) {
    let highest = largest(row);
    row.iter_mut().for_each(|value| *value = exp(*value - highest));
    let inverse = 1.0 / sum(row);
    row.iter_mut().for_each(|value| *value *= inverse);
}

/// Keys and values of every tree and key/value head, in this order.
fn locals(qkv: &[f32], packed: &Packed, heads: Heads, turn: &Turn) -> Vec<Local> {
    let tasks = packed.trees().flat_map(|tree| (0..heads.key_value).map(move |head| (rows(tree), head)));
    tasks.collect::<Vec<_>>().into_par_iter().map(|(rows, head)| Local::new(qkv, packed, rows, heads, head, turn)).collect()
}

/// `out` [rows, query heads × width] from `qkv` [rows, all heads × width].
pub fn attention(out: &mut [f32], qkv: &[f32], packed: &Packed, heads: Heads, turn: &Turn) {
    assert!(qkv.len() == packed.tokens.len() * heads.row() && out.len() == packed.tokens.len() * heads.out());
    let locals = locals(qkv, packed, heads, turn);
    let tasks = packed.trees().enumerate().flat_map(|(tree, pieces)| {
        pieces.iter().flat_map(move |piece| {
            (0..heads.query).map(move |query| (tree * heads.key_value + query / heads.queries_per_key(), piece, query))
        })
    });
    let shared = Shared::new(out);
    tasks.collect::<Vec<_>>().into_par_iter().for_each(|(local, piece, query)| {
        let local = &locals[local];
        let queries = turned(qkv, packed, piece.rows.clone(), heads, query * heads.width, turn);
        let mut probs = Vec::new();
        probabilities(&mut probs, &queries, local, piece, heads);
        let (n, columns) = (piece.rows.len(), piece.seen() + piece.rows.len());
        let mut result = vec![0.0; n * heads.width];
        for (rows, column) in piece.parts() {
            let values = Mat::new(&local.values[local.range(rows)], rows.len(), heads.width);
            matmul(&mut result, heads.width, Write::Add, 1.0, Mat::strided(&probs[column..], n, rows.len(), columns), values, 1);
        }
        for (row, result) in piece.rows.clone().zip(result.chunks_exact(heads.width)) {
            // SAFETY: this task alone writes this query head of this piece's rows; the range is inside by the assert above.
            unsafe { shared.part(row * heads.out() + query * heads.width, heads.width) }.copy_from_slice(result);
        }
    });
}

/// What one query head adds to the gradients of its tree's keys and values.
struct Share {
    keys: Vec<f32>,
    values: Vec<f32>,
}

/// The share as it grows, and scratch for one piece.
struct Backward {
    share: Share,
    probs: Vec<f32>,
    d_probs: Vec<f32>,
    d_queries: Vec<f32>,
}

/// `d_qkv` from `d_out`, the gradient with respect to the output of [`attention`]. Probabilities are computed again.
pub fn attention_backward(d_qkv: &mut [f32], d_out: &[f32], qkv: &[f32], packed: &Packed, heads: Heads, turn: &Turn) {
    assert!(qkv.len() == packed.tokens.len() * heads.row() && d_qkv.len() == qkv.len());
    assert!(d_out.len() == packed.tokens.len() * heads.out());
    let locals = locals(qkv, packed, heads, turn);
    let shared = Shared::new(d_qkv);
    let part = |row: usize, column: usize| {
        // SAFETY: each head of each row is written by one task; the ranges are inside by the asserts above.
        unsafe { shared.part(row * heads.row() + column, heads.width) }
    };
    let turn_back = |d: &[f32], row: usize, column: usize| {
        let gradient = part(row, column);
        gradient.copy_from_slice(d);
        turn.backward(gradient, &qkv[row * heads.row() + column..][..heads.width], packed.positions[row], heads.side(column));
    };
    let tasks: Vec<_> = packed.trees().flat_map(|tree| (0..heads.query).map(move |query| (tree, query))).collect();
    let backward = |(index, &(tree, query)): (usize, &(&[Piece], usize))| {
        let local = &locals[index / heads.queries_per_key()];
        let zeros = vec![0.0; local.rows.len() * heads.width];
        let share = Share { keys: zeros.clone(), values: zeros };
        let mut b = Backward { share, probs: vec![], d_probs: vec![], d_queries: vec![] };
        for piece in tree {
            let queries = turned(qkv, packed, piece.rows.clone(), heads, query * heads.width, turn);
            let mut d_result = Vec::with_capacity(piece.rows.len() * heads.width);
            for row in piece.rows.clone() {
                d_result.extend_from_slice(&d_out[row * heads.out() + query * heads.width..][..heads.width]);
            }
            piece_backward(&mut b, &queries, &d_result, local, piece, heads);
            for (row, d) in piece.rows.clone().zip(b.d_queries.chunks_exact(heads.width)) {
                turn_back(d, row, query * heads.width);
            }
        }
        b.share
    };
    let shares: Vec<Share> = tasks.par_iter().enumerate().map(backward).collect();
    locals.par_iter().zip(shares.par_chunks(heads.queries_per_key())).enumerate().for_each(|(index, (local, group))| {
        let head = index % heads.key_value;
        for (i, row) in local.rows.clone().enumerate() {
            let sum = |of: fn(&Share) -> &Vec<f32>| {
                let mut sum = vec![0.0; heads.width];
                for share in group {
                    sum.iter_mut().zip(&of(share)[i * heads.width..]).for_each(|(sum, d)| *sum += d);
                }
                sum
            };
            turn_back(&sum(|share| &share.keys), row, heads.key(head));
            part(row, heads.value(head)).copy_from_slice(&sum(|share| &share.values));
        }
    });
}

fn piece_backward(b: &mut Backward, queries: &[f32], d_result: &[f32], local: &Local, piece: &Piece, heads: Heads) {
    let (n, w) = (piece.rows.len(), heads.width);
    probabilities(&mut b.probs, queries, local, piece, heads);
    let columns = piece.seen() + n;
    b.d_probs.resize(n * columns, 0.0);
    b.d_queries.clear();
    b.d_queries.resize(n * w, 0.0);
    let (queries, d_result) = (Mat::new(queries, n, w), Mat::new(d_result, n, w));
    for (rows, first) in piece.parts() {
        let (range, m) = (local.range(rows), rows.len());
        let values = Mat::new(&local.values[range.clone()], m, w);
        matmul(&mut b.d_probs[first..], columns, Write::Replace, 1.0, d_result, values.t(), 1);
        let probs = Mat::strided(&b.probs[first..], n, m, columns);
        matmul(&mut b.share.values[range], w, Write::Add, 1.0, probs.t(), d_result, 1);
    }
    let scale = heads.scale();
    for (d, p) in b.d_probs.chunks_exact_mut(columns).zip(b.probs.chunks_exact(columns)) {
        let mean = dot(d, p);
        for (d, &p) in d.iter_mut().zip(p) {
            *d = p * (*d - mean) * scale;
        }
    }
    for (rows, first) in piece.parts() {
        let (range, m) = (local.range(rows), rows.len());
        let d_scores = Mat::strided(&b.d_probs[first..], n, m, columns);
        matmul(&mut b.d_queries, w, Write::Add, 1.0, d_scores, Mat::new(&local.keys[range.clone()], m, w), 1);
        matmul(&mut b.share.keys[range], w, Write::Add, 1.0, d_scores.t(), queries, 1);
    }
}

/// Cached keys (turned) and values that one decoded row sees: parts in order, each [positions, key/value heads × width].
/// The last part ends with the row's own.
pub struct Seen<'a> {
    pub keys: [&'a [f32]; 2],
    pub values: [&'a [f32]; 2],
}

/// Attention of single new rows, each over its own cache. `queries` [rows, `stride`] starts each row with the turned query heads.
pub fn attention_cached(out: &mut [f32], queries: &[f32], stride: usize, seen: &[Seen<'_>], heads: Heads) {
    let (group, w, cached) = (heads.queries_per_key(), heads.width, heads.cached());
    out.par_chunks_mut(group * w).enumerate().for_each(|(task, out)| {
        let (row, head) = (task / heads.key_value, task % heads.key_value);
        let seen = &seen[row];
        let mut probs = Vec::with_capacity((seen.keys[0].len() + seen.keys[1].len()) / cached);
        for (i, out) in out.chunks_exact_mut(w).enumerate() {
            let query = &queries[row * stride + (head * group + i) * w..][..w];
            probs.clear();
            for part in seen.keys {
                probs.extend(part.chunks_exact(cached).map(|keys| dot(query, &keys[head * w..][..w]) * heads.scale()));
            }
            softmax(&mut probs);
            let (blocks, rest) = out.as_chunks_mut::<BLOCK>();
            let mut first = head * w;
            for out in blocks {
                *out = weighted_sum(&probs, seen.values, cached, first);
                first += BLOCK;
            }
            for out in rest {
                [*out] = weighted_sum(&probs, seen.values, cached, first);
                first += 1;
            }
        }
    });
}

/// Columns whose sums stay in registers.
const BLOCK: usize = 32;

/// `N` columns from `first` on of the rows of `parts` (`stride` apart), summed with their probabilities.
#[inline(always)]
fn weighted_sum<const N: usize>(probs: &[f32], parts: [&[f32]; 2], stride: usize, first: usize) -> [f32; N] {
    let mut sums = [0f32; N];
    let (before, after) = probs.split_at(parts[0].len() / stride);
    for (probs, part) in [before, after].into_iter().zip(parts) {
        for (p, row) in probs.iter().zip(part.chunks_exact(stride)) {
            for (sum, value) in sums.iter_mut().zip(&row[first..first + N]) {
                *sum += p * value;
            }
        }
    }
    sums
}
