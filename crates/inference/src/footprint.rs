//! How much memory an engine takes that plans by itself what it holds.

/// What an engine holds of a model, told from its files and from how it works.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct EngineFootprint {
    /// Bytes that it holds for as long as it is there: weights, tokenizers.
    pub weights: u64,
    /// Bytes beside them while it loads.
    pub reading: u64,
    /// Bytes of the keys and values of a token, in all blocks together.
    pub cached: u64,
    /// Tokens that room for keys and values is made for at a time.
    pub block: u64,
    /// Bytes of what else a block computes for a token.
    pub passing: u64,
    /// Answers that it computes at a time, at most.
    pub together: u64,
}

impl EngineFootprint {
    /// Bytes beside the weights while `answers` are drawn at once, each of at most `new` tokens after at most `prompt`.
    pub fn answering(&self, answers: u64, prompt: u64, new: u64) -> u64 {
        let rows = answers.min(self.together);
        let room = (prompt + new).div_ceil(self.block.max(1)) * self.block * self.cached;
        // One text's room is copied into a larger one when it is full; those of several are put together anew when one has ended.
        let rooms = if rows > 1 { 2 * rows * room } else { (2 * room).saturating_sub(self.block * self.cached) };
        rooms + rows * prompt * self.passing
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn room_is_made_in_blocks() {
        let engine = EngineFootprint { cached: 10, block: 512, passing: 1, together: 4, ..EngineFootprint::default() };
        assert_eq!(engine.answering(1, 100, 412), 5120 + 100);
        assert_eq!(engine.answering(1, 100, 413), 3 * 5120 + 100);
        assert_eq!(engine.answering(2, 100, 100), 4 * 5120 + 200);
        assert_eq!(engine.answering(9, 100, 100), engine.answering(4, 100, 100));
    }
}
