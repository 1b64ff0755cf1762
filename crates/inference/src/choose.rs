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

/// What of a model's files the built-in engine can read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// A folder of an architecture that it knows.
    Known,
    OtherArchitecture,
    /// A folder whose weights are published quantised.
    Quantised,
    Gguf,
}

/// `auto` means the built-in engine where it can run the model and there is room for it, otherwise mistral.rs, which [`crate::admit`] then
/// may hold to one request at a time (docs/adr/0004).
///
/// `has_room`: weights as the built-in engine holds them fit beside what a run needs; always on the CPU. `quantised`: the spec asks for quantisation
/// while loading. A spec that names the built-in engine for what it cannot do is refused.
pub fn choose(engine: Engine, has_room: bool, form: Form, quantised: bool) -> Result<EngineChoice> {
    let obstacle = obstacle(form, quantised);
    let (engine, reason) = match (engine, obstacle) {
        (Engine::Builtin, Some(obstacle)) => {
            return Err(Error::spec(format!(
                "frozen.engine is \"builtin\", but {}: {}, or set frozen.engine to \"auto\" or \"mistralrs\"",
                obstacle.what, obstacle.way_out
            )));
        }
        (Engine::Builtin, None) => (EngineKind::BuiltIn, "the spec names it".into()),
        (Engine::Endpoint, _) => return Err(Error::internal("An endpoint answers elsewhere; no engine of this machine is to be chosen.")),
        (Engine::Mistralrs, _) => (EngineKind::MistralRs, "the spec names it".into()),
        (Engine::Auto, Some(obstacle)) => (EngineKind::MistralRs, obstacle.what.into()),
        (Engine::Auto, None) if !has_room => (EngineKind::MistralRs, "the GPU has too little room for its weights".into()),
        (Engine::Auto, None) => (EngineKind::BuiltIn, "it knows the model's architecture and answers batches as it answers one".into()),
    };
    Ok(EngineChoice { engine, reason })
}

/// Why the built-in engine cannot run a model.
struct Obstacle {
    what: &'static str,
    way_out: &'static str,
}

fn obstacle(form: Form, quantised: bool) -> Option<Obstacle> {
    match form {
        _ if quantised => {
            Some(Obstacle { what: "the built-in engine does not quantise models while loading", way_out: "remove frozen.quantisation" })
        }
        Form::Known => None,
        Form::OtherArchitecture => Some(Obstacle {
            what: "the built-in engine does not know the model's architecture",
            way_out: "choose a Llama, Mistral, Qwen2, Qwen3 or Phi-3",
        }),
        Form::Quantised => Some(Obstacle {
            what: "the built-in engine does not read weights that are published quantised",
            way_out: "choose the model in bf16",
        }),
        Form::Gguf => Some(Obstacle {
            what: "the built-in engine does not read GGUF files",
            way_out: "turn the file into a folder with `alignpro models import`",
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(engine: Engine, room: bool, form: Form, quantised: bool) -> EngineKind {
        choose(engine, room, form, quantised).unwrap().engine
    }

    #[test]
    fn auto_takes_the_built_in_engine_where_there_is_room() {
        assert_eq!(kind(Engine::Auto, true, Form::Known, false), EngineKind::BuiltIn);
        assert_eq!(kind(Engine::Auto, false, Form::Known, false), EngineKind::MistralRs);
    }

    #[test]
    fn auto_takes_mistralrs_for_all_that_the_built_in_engine_cannot_do() {
        let asked =
            [(Form::OtherArchitecture, false), (Form::Known, true), (Form::Gguf, false), (Form::Gguf, true), (Form::Quantised, false)];
        for (form, quantised) in asked {
            let choice = choose(Engine::Auto, true, form, quantised).unwrap();
            assert_eq!(choice.engine, EngineKind::MistralRs);
            assert!(choice.reason.starts_with("the built-in engine does not"), "{}", choice.reason);
        }
    }

    #[test]
    fn a_named_engine_is_taken_whatever_the_machine() {
        for room in [false, true] {
            assert_eq!(kind(Engine::Builtin, room, Form::Known, false), EngineKind::BuiltIn);
            assert_eq!(kind(Engine::Mistralrs, room, Form::Known, false), EngineKind::MistralRs);
            assert_eq!(kind(Engine::Mistralrs, room, Form::OtherArchitecture, true), EngineKind::MistralRs);
        }
    }

    #[test]
    fn the_built_in_engine_named_for_what_it_cannot_do_is_refused_with_the_way_out() {
        let message = |form, quantised| choose(Engine::Builtin, true, form, quantised).unwrap_err().message;
        assert!(message(Form::OtherArchitecture, false).contains("Qwen3 or Phi-3"));
        assert!(message(Form::Known, true).contains("remove frozen.quantisation"));
        assert!(message(Form::Quantised, false).contains("choose the model in bf16"));
        assert!(message(Form::Gguf, false).contains("alignpro models import"));
        assert!(message(Form::Gguf, false).contains("set frozen.engine to"));
    }
}
