//! [`Function`]: a signature as LuaLS writes it, above a function or as a field's type.

use twinplug_value::{Param, Signature, Type};

use super::data::Data;
use super::names::is_identifier;
use super::shape::Shape;

/// A function that scripts may call.
pub(super) struct Function {
    params: Vec<Parameter>,
    variadic: bool,
    results: Vec<Shape>,
    waiting: Waiting,
    /// What to do better than to call it.
    advice: Option<String>,
}

/// Whether a call lets others in.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Waiting {
    Never,
    /// Where it has to: on a channel, while the plugin that is called is busy, in a function of
    /// the host's that waits.
    Maybe,
}

struct Parameter {
    name: String,
    shape: Shape,
    /// Whether a call may leave it out.
    optional: bool,
}

impl Function {
    pub(super) fn new(signature: &Signature, waiting: Waiting, data: &mut Data) -> Self {
        let required = signature.required();
        let names = parameter_names(&signature.params);
        let params = signature.params.iter().zip(names).enumerate();
        let params = params.map(|(index, (param, name))| {
            let optional = index >= required;
            let shape = data.shape(&param.ty);
            let shape = if optional { shape.required() } else { shape };
            Parameter { name, shape, optional }
        });
        let params = params.collect();
        let results = match &*signature.result {
            Type::Null => Vec::new(),
            // As many results as it has items.
            Type::Tuple(items) => items.iter().map(|item| data.shape(item)).collect(),
            one => vec![data.shape(one)],
        };
        Function { params, variadic: signature.variadic, results, waiting, advice: None }
    }

    /// With what is said where it is deprecated.
    pub(super) fn deprecated(self, advice: Option<&str>) -> Self {
        // An annotation is one line.
        let line = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
        Function { advice: advice.map(line), ..self }
    }

    /// As a field's type: `async fun(x: integer): string`.
    pub(super) fn ty(&self, names: &[String]) -> String {
        let param = |param: &Parameter| format!("{}: {}", param.key(), param.shape.text(names));
        let mut params: Vec<_> = self.params.iter().map(param).collect();
        if self.variadic {
            params.push("...: any".to_owned());
        }
        let waits = if self.waiting == Waiting::Maybe { "async " } else { "" };
        let function = format!("{waits}fun({})", params.join(", "));
        let results: Vec<_> = self.results.iter().map(|result| result.text(names)).collect();
        match results.is_empty() {
            true => function,
            false => format!("{function}: {}", results.join(", ")),
        }
    }

    /// As a function of that name, with its annotations above.
    pub(super) fn statement(&self, name: &str, names: &[String]) -> Vec<String> {
        let mut lines = Vec::new();
        if let Some(advice) = &self.advice {
            lines.push(format!("---@deprecated {advice}").trim_end().to_owned());
        }
        if self.waiting == Waiting::Maybe {
            lines.push("---@async".to_owned());
        }
        for param in &self.params {
            lines.push(format!("---@param {} {}", param.key(), param.shape.text(names)));
        }
        let mut params: Vec<&str> = self.params.iter().map(|param| param.name.as_str()).collect();
        if self.variadic {
            lines.push("---@param ... any".to_owned());
            params.push("...");
        }
        for result in &self.results {
            lines.push(format!("---@return {}", result.text(names)));
        }
        lines.push(format!("function {name}({}) end", params.join(", ")));
        lines
    }
}

impl Parameter {
    fn key(&self) -> String {
        format!("{}{}", self.name, if self.optional { "?" } else { "" })
    }
}

/// The parameters' names; where there is none that Lua takes, `arg1` for the first.
fn parameter_names(params: &[Param]) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for (index, param) in params.iter().enumerate() {
        let mut name = match is_identifier(&param.name) {
            true => param.name.to_string(),
            false => format!("arg{}", index + 1),
        };
        while names.contains(&name) {
            name.push('_');
        }
        names.push(name);
    }
    names
}
