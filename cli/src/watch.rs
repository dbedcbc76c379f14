//! `watch`: the edit loop. Plugins are loaded and watched, and what happens to them is told as
//! it comes, until Ctrl-C. `run --watch` does the same with what it has loaded.
//!
//! All that is told is told by one thread; others send it what happens.

mod builds;
mod calls;
pub(crate) mod line;
mod missing;
mod once;
mod sources;

use std::collections::{HashMap, VecDeque};
use std::iter;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use twinplug::{Event, EventKind, Events, Host, HostBuilder, PluginKind};
use twinplug_build::Stop;

use crate::building::{self, Readers};
use crate::company::{Company, Ready};
use crate::ending::Ending;
use crate::failure::Failure;
use crate::giving::Giving;
use crate::granting::Granting;
use crate::interrupt;
use crate::locking::Locking;
use crate::output::{self, Printed};
use crate::running;
use crate::source;
use crate::verbosity;
use builds::{Builders, Known};
use calls::{Called, Calls};
pub(crate) use line::Form;
use line::Line;
pub(crate) use once::{Answer, Answers, Once, Told};
use sources::News;
pub(crate) use sources::Sources;

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
    #[command(flatten)]
    giving: Giving,
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
    Source(News),
    Answered(Answer),
    /// It is to end.
    Stop,
}

/// Both ends of what it is sent.
pub(crate) type Happenings = (Sender<Happening>, Receiver<Happening>);

/// What is watched, and what was told of it.
pub(crate) struct Watch {
    host: Arc<Host>,
    form: Form,
    ending: Ending,
    calls: Option<Calls>,
    once: Option<Once>,
    /// Results that have changed; each waits until the load that it is of was told.
    called: VecDeque<Called>,
    /// The last load that was told, by the plugin's name and version.
    loads: HashMap<(String, String), u64>,
    /// The library that each source folder was built to.
    libraries: HashMap<PathBuf, Known>,
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
    let Arguments { path, call, giving, every, json, company, granting } = arguments;
    let (happenings, ending) = until_interrupt()?;
    let company = company.ready(locking)?;
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
    let (args, every) = (giving.into_values(), every.unwrap_or(EVERY));
    let calls = call.map(|function| Calls::new(function, args, every));
    let readers = if json { Readers::Programs } else { Readers::People };
    let sources = sources(&path, locking, readers).into_iter().collect();
    let watch = Watch { calls, ..Watch::new(Arc::new(host), form, ending) };
    watch.run(&[path], sources, &company, happenings)
}

/// What happens, of which Ctrl-C is one: builds end at once by that, and what else holds it up is
/// told.
pub(crate) fn until_interrupt() -> Result<(Happenings, Ending), Failure> {
    let (sender, happenings) = mpsc::channel();
    let (ending, stop) = (Ending::default(), sender.clone());
    let (asked, cut_short) = (ending.clone(), ending.clone());
    let asks = move || {
        asked.is_asked_for();
        // Before builds fail by it.
        let is_heard = stop.send(Happening::Stop).is_ok();
        building::stop();
        is_heard
    };
    // Its tools do not hear of Ctrl-C themselves.
    building::can_be_stopped(Stop::default());
    interrupt::stop_at_interrupt(asks, move || cut_short.is_cut_short())?;
    running::is_noted();
    Ok(((sender, happenings), ending))
}

impl Watch {
    /// Nothing is watched so far.
    pub(crate) fn new(host: Arc<Host>, form: Form, ending: Ending) -> Watch {
        verbosity::events_are_told();
        ending.set_host(&host);
        Watch {
            host,
            form,
            ending,
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
        let (begun, count) = self.begin(paths, &mut sources, company, &events)?;
        // Told before anything else can happen, and so before the first call.
        for event in begun {
            self.tell(event)?;
        }
        let (paths, count) = (source::listed(paths), counted(count));
        output::note(&format!("watching {paths} ({count}): Ctrl-C ends it"));
        self.look_for_it();
        let builders = Builders::of(sources, &sender);
        let forwarded = forward(events, sender);
        self.follow(&happenings)?;
        drop(builders);
        self.end(forwarded, &happenings)?;
        Ok(ExitCode::SUCCESS)
    }

    /// Loads the company, and within it what is at these paths; gives what has happened, and how
    /// many plugins are loaded from there.
    fn begin(
        &mut self,
        paths: &[PathBuf],
        sources: &mut [Sources],
        company: &Ready,
        events: &Events,
    ) -> Result<(Vec<Event>, usize), Failure> {
        company.load_required(&self.host)?;
        let required = self.host.plugins();
        let mut happened = so_far(events);
        self.load(paths, sources)?;
        let own = so_far(events);
        let count = own.iter().filter(|event| event.kind == EventKind::Loaded).count();
        happened.extend(own);
        match company.load_layers(&self.host) {
            Ok(layers) => {
                if let Some(once) = &mut self.once {
                    once.spare([required, layers].concat());
                }
                happened.extend(so_far(events));
                Ok((happened, count))
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
        let load = || drop(self.host.load_all(found));
        self.ending.during("plugins to be loaded".to_owned(), load);
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
                Ok(Happening::Event(event)) => {
                    self.tell(event)?;
                    self.look_for_it();
                }
                Ok(Happening::Source(news)) => self.take(news)?,
                Ok(Happening::Answered(answer)) => self.tell_answer(answer)?,
                Err(RecvTimeoutError::Timeout) => self.call()?,
                Ok(Happening::Stop) | Err(RecvTimeoutError::Disconnected) => return Ok(()),
            }
        }
    }

    /// Unloads everything, and tells that as well, and what calls give that have still run.
    fn end(
        self,
        forwarded: JoinHandle<()>,
        happenings: &Receiver<Happening>,
    ) -> Result<(), Failure> {
        let Watch { host, form, ending, mut once, .. } = self;
        ending.leave(&host, |plugin| once.as_ref().and_then(|once| once.runs(plugin)))?;
        while let Some(runs) = once.as_ref().and_then(Once::runs_still) {
            match (ending.during(runs, || happenings.recv()), &mut once) {
                (Ok(Happening::Event(event)), _) => form.tell_event(event)?,
                (Ok(Happening::Answered(answer)), Some(once)) => form.tell_last(once, answer)?,
                (Err(_), _) => break,
                _ => {}
            }
        }
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
        let is_load =
            matches!(event.kind, EventKind::Loaded | EventKind::Reloaded | EventKind::Rejected);
        if is_load && event.plugin_kind == PluginKind::Native {
            running::is_loaded(&event.plugin);
        }
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

    /// Tells where what is to be called once is nowhere.
    fn look_for_it(&mut self) {
        if let Some(once) = &mut self.once {
            once.look_for_it(&self.host.plugins());
        }
    }

    fn call(&mut self) -> Result<(), Failure> {
        let Watch { host, ending, calls, called, .. } = &mut *self;
        called.extend(calls.iter_mut().flat_map(|calls| calls.call(host, ending)));
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
pub(crate) fn sources(path: &Path, locking: &Locking, readers: Readers) -> Option<Sources> {
    if !locking.is_on() {
        return Sources::at(path, readers);
    }
    source::sources_at(path, locking);
    None
}

/// How many those are, as people read it.
fn counted(count: usize) -> String {
    match count {
        0 => "no plugin so far".to_owned(),
        1 => "1 plugin".to_owned(),
        count => format!("{count} plugins"),
    }
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
