//! `inspect`: what a plugin is, without running any of its code unless asked to.

use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use sha2::{Digest, Sha256};
use twinplug::serde::Serialize;
use twinplug::{Export, HostBuilder, Inspection, PluginRef, Requirement};

use crate::colour;
use crate::company::{Company, Ready};
use crate::failure::Failure;
use crate::granting::Granting;
use crate::locking::Locking;
use crate::output;
use crate::source;

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The plugin, or the source folder of a native one
    path: PathBuf,
    /// One object on one line, for programs
    #[arg(long)]
    json: bool,
    /// Load it, which runs its code: shows all exports, and the name it gives itself
    #[arg(long)]
    load: bool,
    #[command(flatten)]
    company: Company,
    #[command(flatten)]
    granting: Granting,
}

impl Arguments {
    /// What is looked at and loaded.
    pub(crate) fn paths(&self) -> Vec<&Path> {
        std::iter::once(&*self.path).chain(self.company.paths()).collect()
    }
}

/// The object of `--json`; its shape is stable.
#[derive(Serialize)]
#[serde(crate = "twinplug::serde")]
struct Report {
    path: String,
    kind: String,
    name: String,
    /// `None` where only loading tells, as for `exports` and `hooks`.
    version: Option<String>,
    /// Of native plugins: major and minor.
    abi: Option<String>,
    sha256: String,
    exports: Option<Vec<Listed>>,
    hooks: Option<Vec<&'static str>>,
    /// The plugins that it needs.
    requires: Vec<Required>,
    /// What a script asks for beyond the sandbox.
    permissions: Vec<String>,
    /// The plugin that it is a layer over.
    over: Option<String>,
    /// The layers over it, the lowest first, of one that is loaded with them.
    layers: Vec<Layer>,
    /// What makes a native plugin behave otherwise than a plugin should.
    hazards: Vec<String>,
}

/// One export.
#[derive(Serialize)]
#[serde(crate = "twinplug::serde")]
struct Listed {
    name: String,
    symbol: &'static str,
    #[serde(rename = "type")]
    ty: String,
}

/// A layer over the plugin.
#[derive(Serialize)]
#[serde(crate = "twinplug::serde")]
struct Layer {
    name: String,
    path: String,
    /// The exports of the plugin that it serves.
    serves: Vec<String>,
}

/// One plugin that is needed.
#[derive(Serialize)]
#[serde(crate = "twinplug::serde")]
struct Required {
    name: String,
    range: String,
}

pub(crate) fn run(
    arguments: &Arguments,
    builder: HostBuilder,
    locking: &Locking,
) -> Result<ExitCode, Failure> {
    let path = source::loadable_alone(&arguments.path, locking)?;
    let found = builder.inspect(&path)?;
    // What is loaded is doubted in the log.
    if !arguments.load {
        output::doubts(&found);
    }
    let mut report = Report::of(found);
    if arguments.load {
        let builder = arguments.granting.grant(builder);
        report.add_loaded(&path, &arguments.company.ready(locking)?, builder)?;
    }
    match arguments.json {
        true => output::json(&report)?,
        false => report.show(arguments.load)?,
    }
    Ok(ExitCode::SUCCESS)
}

impl Report {
    fn of(inspection: Inspection) -> Report {
        Report {
            path: inspection.path.display().to_string(),
            kind: inspection.kind.to_string(),
            name: inspection.name,
            version: inspection.version.map(|version| version.to_string()),
            abi: inspection.abi.map(|(major, minor)| format!("{major}.{minor}")),
            sha256: hexadecimal(&Sha256::digest(&inspection.bytes)),
            exports: inspection.exports.as_deref().map(listed),
            hooks: None,
            requires: inspection.requires.iter().map(Required::of).collect(),
            permissions: inspection.permissions,
            over: inspection.over,
            layers: Vec::new(),
            hazards: inspection.hazards,
        }
    }

    /// Loads the plugin, and takes over what it then says of itself.
    fn add_loaded(
        &mut self,
        path: &Path,
        company: &Ready,
        builder: HostBuilder,
    ) -> Result<(), Failure> {
        let builder = builder.output(output::to_standard_error);
        let host = builder.build().map_err(|error| Failure::Usage(error.to_string()))?;
        let plugin = company.load_around(&host, path)?;
        let descriptor = plugin.descriptor();
        self.name = descriptor.name.clone();
        self.version = Some(descriptor.version.to_string());
        self.exports = Some(listed(&descriptor.exports));
        self.hooks = Some(descriptor.hooks.clone());
        self.layers = plugin.layers().iter().map(|layer| Layer::of(layer, &plugin)).collect();
        Company::leave(&host)
    }

    /// Writes it as a table for people.
    fn show(&self, loaded: bool) -> io::Result<()> {
        field("path", &self.path)?;
        field("kind", &self.kind)?;
        field("name", &self.name)?;
        let unknown = "is known once it is loaded: --load shows it";
        field("version", self.version.as_deref().unwrap_or(unknown))?;
        if let Some(abi) = &self.abi {
            field("abi", abi)?;
        }
        field("sha256", &self.sha256)?;
        for Required { name, range } in &self.requires {
            field("requires", &format!("{name} {range}"))?;
        }
        if !self.permissions.is_empty() {
            field("asks for", &self.permissions.join(", "))?;
        }
        if let Some(over) = &self.over {
            field("over", over)?;
        }
        if let Some(hooks) = self.hooks.as_deref().filter(|hooks| !hooks.is_empty()) {
            field("hooks", &hooks.join(", "))?;
        }
        for Layer { name, path, serves } in &self.layers {
            let serves = if serves.is_empty() { "nothing".to_owned() } else { serves.join(", ") };
            field("layer", &format!("{name} ({path}) serves {serves}"))?;
        }
        for hazard in &self.hazards {
            output::headed(colour::DOUBTFUL, "hazard   ", hazard)?;
        }
        match (&self.exports, loaded) {
            (None, _) => field("exports", "are known once it is loaded: --load shows them"),
            (Some(exports), true) => show_exports(exports),
            (Some(exports), false) => {
                show_exports(exports)?;
                field("", "what its init registers is not among them: --load shows it")
            }
        }
    }
}

/// Writes a line of the table.
fn field(title: &str, text: &str) -> io::Result<()> {
    output::headed(colour::TITLE, &format!("{title:9}"), text)
}

impl Layer {
    fn of(layer: &PluginRef, plugin: &PluginRef) -> Layer {
        let descriptor = plugin.descriptor();
        let serves = descriptor
            .exports
            .iter()
            .map(|export| &export.name)
            .filter(|name| plugin.server(name).is_ok_and(|server| server == *layer));
        Layer {
            name: layer.name().to_owned(),
            path: layer.path().display().to_string(),
            serves: serves.cloned().collect(),
        }
    }
}

impl Required {
    fn of(requirement: &Requirement) -> Required {
        Required { name: requirement.name.clone(), range: requirement.range.to_string() }
    }
}

fn show_exports(exports: &[Listed]) -> io::Result<()> {
    let width = exports.iter().map(|export| export.name.chars().count()).max().unwrap_or(0);
    let mut head = "exports";
    for Listed { name, symbol, ty } in exports {
        field(head, &format!("{symbol:4}  {name:width$}  {ty}"))?;
        head = "";
    }
    if exports.is_empty() { field("exports", "none") } else { Ok(()) }
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn listed(exports: &[Export]) -> Vec<Listed> {
    let listed = |export: &Export| Listed {
        name: export.name.clone(),
        symbol: export.symbol(),
        ty: export.ty.to_string(),
    };
    exports.iter().map(listed).collect()
}
