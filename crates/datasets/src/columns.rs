//! How column and key names appear in messages.

/// What is to be done where the column of the prompts is not there.
pub(crate) const PROMPT: &str = "name the one with the prompts in data.column";
/// The same of the column of the clusters.
pub(crate) const CLUSTER: &str = "name the one that says which prompts belong together in data.cluster_column, or leave that out";

/// `"a", "b" and "c"`; long lists end in a count, and long names in an ellipsis.
pub(crate) fn list<'a>(names: impl Iterator<Item = &'a str>) -> String {
    const SHOWN: usize = 12;
    let names: Vec<_> = names.map(quote).collect();
    match names.as_slice() {
        [] => "none".into(),
        [only] => only.clone(),
        [rest @ .., last] if names.len() <= SHOWN => format!("{} and {last}", rest.join(", ")),
        _ => format!("{} and {} more", names[..SHOWN].join(", "), names.len() - SHOWN),
    }
}

/// A name between quotation marks, cut after 40 characters, with control characters escaped.
pub(crate) fn quote(name: &str) -> String {
    const LONGEST: usize = 40;
    if name.chars().count() <= LONGEST {
        return format!("{name:?}");
    }
    let start: String = name.chars().take(LONGEST).collect();
    format!("{:?}", start + "...")
}
