//! Which engine computes the frozen model's answers.
use contract::spec::Engine;
use contract::{Error, Result};

/// The engines there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EngineKind {
    /// [`lm::Llama`] in this program.
    BuiltIn,
    /// mistral.rs.
    MistralRs,
}

/// An engine and why it was chosen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EngineChoice {
    pub engine: EngineKind,
    /// One clause for people, to follow "mistral.rs, because".
    pub reason: String,
}

/// Chooses by the fifth rule of the design: `auto` means mistral.rs on a GPU, and on the CPU the built-in engine where it can run
/// the model, otherwise mistral.rs (which [`crate::admit`] then holds to one request at a time).
///
/// `builtin_supports`: the built-in engine knows the model's architecture. `quantised`: the spec asks for quantisation while
/// loading. `is_gguf`: the model is a GGUF file, not a folder. A spec that names the built-in engine for what it cannot do is refused.
pub fn choose(engine: Engine, has_gpu: bool, builtin_supports: bool, quantised: bool, is_gguf: bool) -> Result<EngineChoice> {
    let obstacle = obstacle(builtin_supports, quantised, is_gguf);
    let (engine, reason) = match (engine, obstacle) {
        (Engine::Builtin, Some(obstacle)) => {
            return Err(Error::spec(format!(
                "frozen.engine is \"builtin\", but {}: {}, or set frozen.engine to \"auto\" or \"mistralrs\"",
                obstacle.what, obstacle.way_out
            )));
        }
        (Engine::Builtin, None) => (EngineKind::BuiltIn, "the spec names it".into()),
        (Engine::Mistralrs, _) => (EngineKind::MistralRs, "the spec names it".into()),
        (Engine::Auto, _) if has_gpu => (EngineKind::MistralRs, "there is a GPU".into()),
        (Engine::Auto, Some(obstacle)) => (EngineKind::MistralRs, obstacle.what.into()),
        (Engine::Auto, None) => (EngineKind::BuiltIn, "there is no GPU and it knows the model's architecture".into()),
    };
    Ok(EngineChoice { engine, reason })
}

/// Why the built-in engine cannot run a model.
struct Obstacle {
    what: &'static str,
    way_out: &'static str,
}

fn obstacle(builtin_supports: bool, quantised: bool, is_gguf: bool) -> Option<Obstacle> {
    if quantised {
        Some(Obstacle { what: "the built-in engine does not quantise models while loading", way_out: "remove frozen.quantisation" })
    } else if !builtin_supports {
        Some(Obstacle { what: "the built-in engine does not know the model's architecture", way_out: "choose a model of the Llama family" })
    } else if is_gguf {
        Some(Obstacle {
            what: "the built-in engine does not read GGUF files",
            way_out: "turn the file into a folder with `alignpro models import`",
        })
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(engine: Engine, has_gpu: bool, supports: bool, quantised: bool, gguf: bool) -> EngineKind {
        choose(engine, has_gpu, supports, quantised, gguf).unwrap().engine
    }

    #[test]
    fn auto_prefers_mistralrs_on_a_gpu_and_the_built_in_engine_on_the_cpu() {
        assert_eq!(kind(Engine::Auto, true, true, false, false), EngineKind::MistralRs);
        assert_eq!(kind(Engine::Auto, false, true, false, false), EngineKind::BuiltIn);
    }

    #[test]
    fn auto_takes_mistralrs_for_all_that_the_built_in_engine_cannot_do() {
        for (supports, quantised, gguf) in [(false, false, false), (true, true, false), (true, false, true), (false, true, true)] {
            let choice = choose(Engine::Auto, false, supports, quantised, gguf).unwrap();
            assert_eq!(choice.engine, EngineKind::MistralRs);
            assert!(choice.reason.starts_with("the built-in engine does not"), "{}", choice.reason);
        }
    }

    #[test]
    fn a_named_engine_is_taken_whatever_the_machine() {
        for gpu in [false, true] {
            assert_eq!(kind(Engine::Builtin, gpu, true, false, false), EngineKind::BuiltIn);
            assert_eq!(kind(Engine::Mistralrs, gpu, true, false, false), EngineKind::MistralRs);
            assert_eq!(kind(Engine::Mistralrs, gpu, false, true, true), EngineKind::MistralRs);
        }
    }

    #[test]
    fn the_built_in_engine_named_for_what_it_cannot_do_is_refused_with_the_way_out() {
        let message = |supports, quantised, gguf| choose(Engine::Builtin, true, supports, quantised, gguf).unwrap_err().message;
        assert!(message(false, false, false).contains("Llama family"));
        assert!(message(true, true, false).contains("remove frozen.quantisation"));
        assert!(message(true, false, true).contains("alignpro models import"));
        assert!(message(true, false, true).contains("set frozen.engine to"));
    }
}
