//! What runs found as one HTML file, drawn from the window's own figures and words (`ui/src/report`, ADR 10). The file needs nothing else: no
//! script, no address, and every text of a model or a file is escaped in it.
use contract::desk::ReportSource;
use contract::{Error, Result};
use rquickjs::{CatchResultExt, CaughtError, Context, Function, Object, Runtime};

/// Made by `make ui`; without it this crate does not compile.
const RENDERER: &str = include_str!("../../../ui/dist-report/report.js");
/// The interpreter's own. Pages lie within each other: a few dozen calls deep, of a few hundred bytes each.
const STACK_BYTES: usize = 512 * 1024;

/// The page of these runs; the same for the same source, byte for byte, in one time zone. Takes a tenth of a second.
///
/// # Errors
/// [`contract::Code::Internal`] where the pages fail on what a run holds: a fault of this program.
pub fn html(source: &ReportSource) -> Result<String> {
    let source = serde_json::to_string(source).map_err(failed)?;
    let runtime = Runtime::new().map_err(failed)?;
    runtime.set_max_stack_size(STACK_BYTES);
    Context::full(&runtime).map_err(failed)?.with(|context| {
        let told = |e: CaughtError<'_>| failed(e);
        context.eval::<(), _>(RENDERER).catch(&context).map_err(told)?;
        let renderer: Object<'_> = context.globals().get("alignpro").catch(&context).map_err(told)?;
        let report: Function<'_> = renderer.get("report").catch(&context).map_err(told)?;
        report.call((source,)).catch(&context).map_err(told)
    })
}

fn failed(e: impl std::fmt::Display) -> Error {
    Error::internal("The report could not be drawn.").with_detail(e)
}
