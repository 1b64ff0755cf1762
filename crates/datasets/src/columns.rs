//! How column and key names appear in messages.

/// A column that is looked at, and what is to be done where it is not there.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Column<'a> {
    pub name: &'a str,
    hint: &'static str,
}

impl<'a> Column<'a> {
    pub fn prompt(name: &'a str) -> Self {
        Self { name, hint: "name the one with the prompts in data.column" }
    }

    pub fn input(name: &'a str) -> Self {
        Self { name, hint: "name the one that prompts go on with in data.input_column, or leave that out" }
    }

    pub fn system(name: &'a str) -> Self {
        Self { name, hint: "name the one with the system prompts in data.system_column, or leave that out" }
    }

    pub fn cluster(name: &'a str) -> Self {
        Self { name, hint: "name the one that says which prompts belong together in data.cluster_column, or leave that out" }
    }

    pub fn feedback(name: &'a str) -> Self {
        Self { name, hint: "name columns that all of these files have" }
    }

    /// Whether it is the column of a file of this name, or lies within its objects.
    pub fn lies_in(&self, name: &str) -> bool {
        self.name.strip_prefix(name).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
    }

    /// That it is not there, what is, and what to do.
    pub fn missing<'b>(&self, kind: &str, there: impl Iterator<Item = &'b str>) -> String {
        let mut there = there.peekable();
        match there.peek() {
            None => format!("there is no {kind} {:?}: the row is empty", self.name),
            Some(_) => format!("there is no {kind} {:?}, only {}: {}", self.name, list(there), self.hint),
        }
    }
}

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
