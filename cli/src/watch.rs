//! `watch`: the edit loop. Plugins are loaded and watched, and what happens to them is told as
//! it comes, until Ctrl-C. `run --watch` does the same with what it has loaded.
//!
//! All that is told is told by one thread; others send it what happens.

mod calls;
pub(crate) mod line;
mod once;
mod sources;

use std::collections::{HashMap, VecDeque};
use std::iter;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use twinplug::{Event, EventKind, Events, Host, HostBuilder};

use crate::company::{Company, Ready};
use crate::failure::Failure;
use crate::granting::Granting;
use crate::interrupt;
use crate::locking::Locking;
use crate::output::{self, Printed};
use crate::source;
use crate::verbosity;
use calls::{Called, Calls};
pub(crate) use line::Form;
use line::Line;
pub(crate) use once::{Answer, Answers, Once, Told};
pub(crate) use sources::{Built, Sources};

/// How often a function is called, unless it is said.
const EVERY: Duration = Duration::from_secs(1);

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// A folder of plugins, one plugin, or the source folder of a native one
    #[arg(value_name = "DIR")]
    path: PathBuf,
    /// Call a function of every plugin that has it, time and again; tell when its result changes
    #[arg(long, value_name = "FUNC")]
    call: Option<String>,
    /// How often it is called, like 16ms; each second if not given
    #[arg(long, value_name = "TIME", value_parser = time, requires = "call")]
    every: Option<Duration>,
    /// One object a line, for programs
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    company: Company,
    #[command(flatten)]
    granting: Granting,
}

/// What the thread that tells is sent.
pub(crate) enum Happening {
    Event(Event),
    Built(Built),
    Answered(Answer),
    /// It is to end.
    Stop,
}

/// Both ends of what it is sent.
pub(crate) type Happenings = (Sender<Happening>, Receiver<Happening>);

/// What is watched, and what was told of it.
pub(crate) struct Watch {
    host: Host,
    form: Form,
    calls: Option<Calls>,
    once: Option<Once>,
    /// Results that have changed; each waits until the load that it is of was told.
    called: VecDeque<Called>,
    /// The last load that was told, by the plugin's name and version.
    loads: HashMap<(String, String), u64>,
    /// The library that each source folder was built to.
    libraries: HashMap<PathBuf, PathBuf>,
}

impl Arguments {
    /// What is loaded.
    pub(crate) fn paths(&self) -> Vec<&Path> {
        std::iter::once(&*self.path).chain(self.company.paths()).collect()
    }
}

pub(crate) fn run(
    arguments: Arguments,
    builder: HostBuilder,
    locking: &Locking,
) -> Result<ExitCode, Failure> {
    let Arguments { path, call, every, json, company, granting } = arguments;
    let company = company.ready(locking)?;
    let happenings = until_interrupt()?;
    let printed = Printed::default();
    let builder = granting.grant(builder);
    let (builder, form) = match json {
        true => (builder.output(output::to_standard_error), Form::Json),
        false => {
            let printing = printed.clone();
            (builder.output(move |_, text| printing.print(text)), Form::Text(printed))
        }
    };
    let host = builder.build().map_err(|error| Failure::Usage(error.to_string()))?;
    let calls = call.map(|function| Calls::new(function, every.unwrap_or(EVERY)));
    let sources = sources(&path, locking).into_iter().collect();
    Watch { calls, ..Watch::new(host, form) }.run(&[path], sources, &company, happenings)
}

/// What happens, of which Ctrl-C is one.
pub(crate) fn until_interrupt() -> Result<Happenings, Failure> {
    let (sender, happenings) = mpsc::channel();
    let stop = sender.clone();
    interrupt::stop_at_interrupt(move || stop.send(Happening::Stop).is_ok())?;
    Ok((sender, happenings))
}

impl Watch {
    /// Nothing is watched so far.
    pub(crate) fn new(host: Host, form: Form) -> Watch {
        verbosity::events_are_told();
        Watch {
            host,
            form,
            calls: None,
            once: None,
            called: VecDeque::new(),
            loads: HashMap::new(),
            libraries: HashMap::new(),
        }
    }

    /// This one, which calls a function as well.
    pub(crate) fn calling(self, once: Option<Once>) -> Watch {
        Watch { once, ..self }
    }

    /// Loads what is at these paths, with the company around it, watches it, and tells what happens
    /// until it is to end.
    pub(crate) fn run(
        mut self,
        paths: &[PathBuf],
        mut sources: Vec<Sources>,
        company: &Ready,
        (sender, happenings): Happenings,
    ) -> Result<ExitCode, Failure> {
        let events = self.host.events();
        // Told before anything else can happen, and so before the first call.
        for event in self.begin(paths, &mut sources, company, &events)? {
            self.tell(event)?;
        }
        if !matches!(self.form, Form::Json) {
            output::note(&format!("watching {}: Ctrl-C ends it", source::listed(paths)));
        }
        for sources in sources {
            let sender = sender.clone();
            thread::spawn(move || {
                sources.watch(|built| sender.send(Happening::Built(built)).is_ok());
            });
        }
        let forwarded = forward(events, sender);
        self.follow(&happenings)?;
        self.end(forwarded, &happenings)?;
        Ok(ExitCode::SUCCESS)
    }

    /// Loads the company, and within it what is at these paths; gives what has happened.
    fn begin(
        &mut self,
        paths: &[PathBuf],
        sources: &mut [Sources],
        company: &Ready,
        events: &Events,
    ) -> Result<Vec<Event>, Failure> {
        company.load_required(&self.host)?;
        let required = self.host.plugins();
        self.load(paths, sources)?;
        let mut happened = so_far(events);
        match company.load_layers(&self.host) {
            Ok(layers) => {
                if let Some(once) = &mut self.once {
                    once.spare([required, layers].concat());
                }
                happened.extend(so_far(events));
                Ok(happened)
            }
            Err(failure) => {
                // What it lies over may be missing because of one of these.
                for event in happened {
                    self.form.tell_event(event)?;
                }
                Err(failure)
            }
        }
    }

    /// Builds the sources, loads what is at these paths, and watches it.
    ///
    /// A plugin that cannot be loaded is no failure: that is an event, and may be mended.
    fn load(&mut self, paths: &[PathBuf], sources: &mut [Sources]) -> Result<(), Failure> {
        let mut found = Vec::new();
        for built in sources.iter_mut().flat_map(Sources::build) {
            found.extend(self.keep(built)?);
        }
        for path in paths.iter().filter(|path| !source::is_source(path)) {
            // A name without its ending, or nothing.
            let path = if path.exists() { path.clone() } else { Host::inspect(path)?.path };
            // Before it is loaded: what fails is then tried again when it is edited.
            self.host.watch(&path)?;
            if !source::is_without_plugins(&path) {
                found.push(path);
            }
        }
        // What fails is an event.
        drop(self.host.load_all(found));
        Ok(())
    }

    /// Tells what happens, and calls in between, until it is to end.
    fn follow(&mut self, happenings: &Receiver<Happening>) -> Result<(), Failure> {
        loop {
            let wait = self
                .calls
                .as_ref()
                .map(|calls| calls.next.saturating_duration_since(Instant::now()));
            let happening = match wait {
                Some(wait) => happenings.recv_timeout(wait),
                None => happenings.recv().map_err(RecvTimeoutError::from),
            };
            match happening {
                Ok(Happening::Event(event)) => self.tell(event)?,
                Ok(Happening::Built(built)) => self.take(built)?,
                Ok(Happening::Answered(answer)) => self.tell_answer(answer)?,
                Err(RecvTimeoutError::Timeout) => self.call()?,
                Ok(Happening::Stop) | Err(RecvTimeoutError::Disconnected) => return Ok(()),
            }
        }
    }

    /// Unloads everything, and tells that as well.
    fn end(
        self,
        forwarded: JoinHandle<()>,
        happenings: &Receiver<Happening>,
    ) -> Result<(), Failure> {
        Company::leave(&self.host)?;
        let Watch { host, form, .. } = self;
        drop(host);
        forwarded.join().expect("forwarding does not panic");
        for happening in happenings.try_iter() {
            if let Happening::Event(event) = happening {
                form.tell_event(event)?;
            }
        }
        Ok(())
    }

    fn tell(&mut self, event: Event) -> Result<(), Failure> {
        if matches!(event.kind, EventKind::Loaded | EventKind::Reloaded) {
            let version = event.version.to_string();
            self.loads.insert((event.plugin.clone(), version), event.generation);
        }
        // What the plugin has printed came before.
        self.host.flush_output();
        self.form.tell_event(event)?;
        if let Some(once) = &mut self.once {
            once.call(&self.host.plugins());
        }
        self.tell_called()
    }

    /// A source folder was built. Its library is loaded the first time, and then is watched.
    fn take(&mut self, built: Built) -> Result<(), Failure> {
        if let Some(library) = self.keep(built)? {
            // What fails is an event.
            drop(self.host.load(library));
        }
        Ok(())
    }

    /// Has the library of a source folder watched; gives it where it is to be loaded.
    fn keep(&mut self, built: Built) -> Result<Option<PathBuf>, Failure> {
        match built.library {
            Ok(library) if !self.libraries.contains_key(&built.folder) => {
                self.host.watch(&library)?;
                self.libraries.insert(built.folder, library.clone());
                Ok(Some(library))
            }
            Ok(_) => Ok(None),
            Err(error) => {
                let name = built.folder.file_name().unwrap_or_default().to_string_lossy();
                let before = self.libraries.get(&built.folder).and_then(|library| {
                    self.host.plugins().into_iter().find(|plugin| plugin.path() == *library)
                });
                let line = Line::not_built(&name, before.as_ref(), &error.to_string());
                self.form.tell(&line)?;
                Ok(None)
            }
        }
    }

    fn call(&mut self) -> Result<(), Failure> {
        self.called.extend(self.calls.iter_mut().flat_map(|calls| calls.call(&self.host)));
        self.host.flush_output();
        self.tell_called()
    }

    /// A call that is made once has ended.
    fn tell_answer(&mut self, answer: Answer) -> Result<(), Failure> {
        self.host.flush_output();
        if let (Some(once), Form::Aside(printed)) = (&mut self.once, &self.form) {
            once.tell(answer, printed)?;
        }
        Ok(())
    }

    fn tell_called(&mut self) -> Result<(), Failure> {
        let is_told = |called: &mut Called| {
            let plugin = &called.plugin;
            let version = (plugin.name().to_owned(), plugin.version().to_string());
            self.loads.get(&version) >= Some(&called.generation)
        };
        while let Some(called) = self.called.pop_front_if(is_told) {
            self.form.tell(&Line::called(called))?;
        }
        Ok(())
    }
}

/// What is to be built; with `--locked` nothing, as no lock file pins it.
pub(crate) fn sources(path: &Path, locking: &Locking) -> Option<Sources> {
    if !locking.is_on() {
        return Sources::at(path);
    }
    source::sources_at(path, locking);
    None
}

/// What has happened and was not told.
fn so_far(events: &Events) -> Vec<Event> {
    iter::from_fn(|| events.try_recv()).collect()
}

/// Sends the events on, until the host is gone.
fn forward(events: Events, sender: Sender<Happening>) -> JoinHandle<()> {
    thread::spawn(move || {
        for event in events {
            if sender.send(Happening::Event(event)).is_err() {
                return;
            }
        }
    })
}

fn time(text: &str) -> Result<Duration, &'static str> {
    match humantime::parse_duration(text) {
        Ok(time) if !time.is_zero() => Ok(time),
        _ => Err("expected a time, like `16ms` or `2s`"),
    }
}
