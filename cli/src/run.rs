//! `run`: plugins that serve until Ctrl-C, whatever they have begun: threads, subscriptions, what they
//! do for each other. A function of each may be called once; with `--watch` they reload.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::mpsc::Receiver;

use twinplug::{Host, HostBuilder};

use crate::building::Readers;
use crate::call;
use crate::company::{Company, Ready};
use crate::ending::Ending;
use crate::failure::Failure;
use crate::giving::Giving;
use crate::granting::Granting;
use crate::locking::Locking;
use crate::output::{self, Printed};
use crate::running;
use crate::source;
use crate::watch::{self, Answers, Form, Happening, Once, Told, Watch};

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The plugins, the source folders of native ones, or folders of either
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// Call a function of every plugin that has it, once; the results are lines of JSON
    #[arg(long, value_name = "FUNC")]
    call: Option<String>,
    #[command(flatten)]
    giving: Giving,
    /// Reload plugins as they are edited, and tell what happens, on standard error
    #[arg(long)]
    watch: bool,
    /// Offer the plugins a channel; without CAP it holds 1024 messages
    #[arg(long, value_name = "NAME[:CAP]", value_parser = call::declaration)]
    channel: Vec<(String, usize)>,
    #[command(flatten)]
    company: Company,
    #[command(flatten)]
    granting: Granting,
}

impl Arguments {
    /// What is loaded.
    pub(crate) fn paths(&self) -> Vec<&Path> {
        self.paths.iter().map(PathBuf::as_path).chain(self.company.paths()).collect()
    }
}

/// Plugins that serve.
struct Service {
    host: Arc<Host>,
    printed: Printed,
    once: Option<Once>,
    ending: Ending,
}

pub(crate) fn run(
    arguments: Arguments,
    builder: HostBuilder,
    locking: &Locking,
) -> Result<ExitCode, Failure> {
    let Arguments { paths, call, giving, watch, channel, company, granting } = arguments;
    let (happenings, ending) = watch::until_interrupt()?;
    let company = company.ready(locking)?;
    let printed = Printed::default();
    let host = Arc::new(host(granting.grant(builder), channel, printed.clone())?);
    let args = giving.into_values();
    let once = call.map(|name| Once::new(name, args, answers(&paths), happenings.0.clone()));
    if watch {
        let watch = Watch::new(host, Form::Aside(printed), ending).calling(once);
        let sources = |path: &PathBuf| watch::sources(path, locking, Readers::People);
        let sources = paths.iter().filter_map(sources).collect();
        return watch.run(&paths, sources, &company, happenings);
    }
    ending.set_host(&host);
    let mut service = Service { host, printed, once, ending };
    let found = source::found(&paths, locking)?;
    if found.paths.is_empty() {
        return Ok(ExitCode::FAILURE);
    }
    service.load(&found.paths, &company)?;
    service.call()?;
    output::note(&format!("serving {}: Ctrl-C ends it", source::listed(&paths)));
    let code = service.serve(&happenings.1)?;
    Ok(if found.is_complete { code } else { ExitCode::FAILURE })
}

fn host(
    builder: HostBuilder,
    channels: Vec<(String, usize)>,
    printed: Printed,
) -> Result<Host, Failure> {
    let builder = call::offer(builder.output(move |_, text| printed.print(text)), channels)?;
    builder.build().map_err(|error| Failure::Usage(error.to_string()))
}

/// Whether results need names does not depend on what is in a folder today.
fn answers(paths: &[PathBuf]) -> Answers {
    match paths {
        [path] if !path.is_dir() || source::is_plugin(path) || source::is_source(path) => {
            Answers::Bare
        }
        _ => Answers::Named,
    }
}

impl Service {
    /// Loads all that is at these paths, and the company around it.
    fn load(&mut self, paths: &[PathBuf], company: &Ready) -> Result<(), Failure> {
        company.load_required(&self.host)?;
        let required = self.host.plugins();
        let load = || self.host.load_all(paths).all();
        self.ending.during("plugins to be loaded".to_owned(), load)?;
        let layers = company.load_layers(&self.host)?;
        running::all_are_loaded();
        if let Some(once) = &mut self.once {
            once.spare([required, layers].concat());
        }
        Ok(())
    }

    /// Calls what is to be called.
    fn call(&mut self) -> Result<(), Failure> {
        let Some(once) = &mut self.once else { return Ok(()) };
        let plugins = self.host.plugins();
        match once.call(&plugins) {
            0 => Err(once.missing(&plugins)),
            _ => Ok(()),
        }
    }

    /// Stays until it is to end, or all calls have ended and one has failed.
    fn serve(mut self, happenings: &Receiver<Happening>) -> Result<ExitCode, Failure> {
        let mut code = ExitCode::SUCCESS;
        for happening in happenings {
            match (happening, &mut self.once) {
                (Happening::Answered(answer), Some(once)) => {
                    // What the plugin has printed came before.
                    self.host.flush_output();
                    if once.tell(answer, &self.printed)? == Told::Failure {
                        code = ExitCode::FAILURE;
                    }
                    if once.has_ended() && code != ExitCode::SUCCESS {
                        break;
                    }
                }
                (Happening::Stop, _) => break,
                // Without `--watch` nothing changes.
                (Happening::Answered(_) | Happening::Event(_) | Happening::Source(_), _) => {}
            }
        }
        self.leave(happenings)?;
        Ok(code)
    }

    /// Unloads all, and tells what calls give that have still run.
    fn leave(mut self, happenings: &Receiver<Happening>) -> Result<(), Failure> {
        let once = self.once.as_ref();
        self.ending.leave(&self.host, |plugin| once.and_then(|once| once.runs(plugin)))?;
        while let Some(runs) = self.once.as_ref().and_then(Once::runs_still) {
            match (self.ending.during(runs, || happenings.recv()), &mut self.once) {
                (Ok(Happening::Answered(answer)), Some(once)) => {
                    once.tell_last(answer, &self.printed)?;
                }
                (Err(_), _) => break,
                _ => {}
            }
        }
        Ok(())
    }
}
