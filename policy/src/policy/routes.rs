//! The routes of a policy: `[[routes]]`.

use super::super::contract::{
    CONTRACT_FIELDS, Contract, Layer, Located, Report, Section, Source, contract_label, nearest,
    one_of, read as read_contract, read_source,
};
use super::limits::{Call, LONGEST_CALL, LONGEST_DETACHED_CALL, call};
use super::template::Template;

/// One route: which requests, under which contract.
#[derive(Debug, Clone, PartialEq)]
pub struct Route {
    /// The text of `match`: what names the route in logs and errors.
    pub name: String,
    /// Its methods, in upper case. Empty means all, and only where there is no contract.
    pub methods: Vec<String>,
    /// Its paths.
    pub template: Template,
    /// Its contract with its own overrides; `None` for "none": it passes through (rule 1.5).
    pub contract: Option<Contract>,
    /// How long the origin may take, in milliseconds (rule 6.4).
    pub deadline_ms: u64,
    /// How long an attempt is known to run, in milliseconds; longer than the deadline, shorter than the retention.
    pub lease_ms: u64,
    /// How long a body may take that is sent on while it comes, in milliseconds: that much longer is the lease of its attempt
    /// (rule 4.22).
    pub upload_ms: u64,
    /// What makes the call to the origin.
    pub dispatch: Dispatch,
    /// How a first answer reaches its client.
    pub deliver: Deliver,
}

/// What makes the call to the origin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dispatch {
    /// The Worker that took the request. It goes on for 30 s at most once its client has gone (platform limit).
    Worker,
    /// An object of its own, which goes on without its client (rule 6.8).
    Detached,
}

/// How a first answer reaches its client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Deliver {
    /// As [`Self::Buffered`], but for `text/event-stream`, which nobody wants at once.
    Auto,
    /// Once it is whole, and the ledger holds it.
    Buffered,
    /// While it is recorded (rule 9.20).
    Streaming,
}

impl Deliver {
    /// Whether the client reads an answer with this `Content-Type` while it is recorded.
    pub fn streams(self, content_type: Option<&str>) -> bool {
        match self {
            Self::Buffered => false,
            Self::Streaming => true,
            Self::Auto => content_type.is_some_and(|value| {
                let essence = value.split(';').next().unwrap_or(value).trim();
                essence.eq_ignore_ascii_case("text/event-stream")
            }),
        }
    }
}

impl Route {
    /// Whether a request is only taken with its whole body in memory: it is handed over, or its key stands in the body.
    pub fn needs_whole_body(&self) -> bool {
        let in_body = |contract: &Contract| contract.key.body.is_some();
        self.dispatch == Dispatch::Detached || self.contract.as_ref().is_some_and(in_body)
    }

    /// Whether the route is about that method.
    pub fn takes(&self, method: &str) -> bool {
        self.methods.is_empty() || self.methods.iter().any(|own| own == method)
    }
}

/// A contract that a route names, as its file alone has it.
struct Named<'t> {
    name: &'t str,
    source: Source<'t>,
    /// `None` where the file is wrong; its problems are reported already.
    contract: Option<Contract>,
}

/// What the contract fields of a route are read against.
struct Shelf<'a> {
    contracts: &'a [Named<'a>],
    names: Vec<&'a str>,
    /// The policy itself, for its `[call]`.
    policy: Layer<'a>,
    report: &'a Report,
}

const DEFAULT: &str = "ietf";
const NONE: &str = "none";
const MATCH: &str =
    "write methods and a path, such as \"POST /v1/*\" or \"POST,PATCH /v1/orders/{id}\"";

/// Reads all `[[routes]]` of the policy whose top table is `policy`.
pub fn read(
    top: &Section<'_>,
    policy: Layer<'_>,
    contracts: &[(&str, &str)],
    report: &Report,
) -> Vec<Route> {
    let before = report.count();
    let layers = top.tables("routes");
    if layers.is_empty() && report.count() == before {
        let mend = "a policy guards something: add [[routes]] and match = \"POST /v1/*\"";
        top.refuse(
            "routes",
            top.find("routes"),
            "there are none".to_owned(),
            mend,
        );
    }
    // The policy's own [call] is checked even where every route overrides it.
    call(&top.table("call"), LONGEST_CALL);
    let named = load(&layers, contracts, report);
    let mut names: Vec<&str> = contracts.iter().map(|(name, _)| *name).collect();
    names.push(NONE);
    let shelf = Shelf {
        contracts: &named,
        names,
        policy,
        report,
    };
    let mut routes: Vec<Route> = Vec::new();
    for layer in layers {
        let own = Section::top(vec![layer], layer.source.place(layer.offset, 0), report);
        let route = route(&own, layer, &shelf);
        own.end();
        if let Some(route) = route {
            can_match(&own, &route, &routes);
            routes.push(route);
        }
    }
    routes
}

/// Reads each contract that a route names, once, by itself: what is wrong in a contract is not reported by each route.
fn load<'t>(
    layers: &[Layer<'_>],
    contracts: &[(&'t str, &'t str)],
    report: &Report,
) -> Vec<Named<'t>> {
    let wanted = |name: &str| {
        layers.iter().any(|layer| {
            layer
                .table
                .get("contract")
                .map_or(name == DEFAULT, |value| {
                    value.get_ref().as_str() == Some(name)
                })
        })
    };
    let load = |&(name, text): &(&'t str, &'t str)| {
        let before = report.count();
        let source = Source::parse(&contract_label(name), text, report)?;
        let contract = read_source(name, &source, report);
        Some(Named {
            name,
            source,
            contract: (report.count() == before).then_some(contract),
        })
    };
    contracts
        .iter()
        .filter(|(name, _)| wanted(name))
        .filter_map(load)
        .collect()
}

fn route(own: &Section<'_>, layer: Layer<'_>, shelf: &Shelf<'_>) -> Option<Route> {
    own.allow(&["match", "contract", "call"]);
    let dispatch = [
        ("worker", Dispatch::Worker),
        ("detached", Dispatch::Detached),
    ];
    let deliver = [
        ("auto", Deliver::Auto),
        ("buffered", Deliver::Buffered),
        ("streaming", Deliver::Streaming),
    ];
    let dispatch = own.choice("dispatch", Dispatch::Worker, &dispatch, &[]);
    let deliver = own.choice("deliver", Deliver::Auto, &deliver, &[]);
    own.allow(&CONTRACT_FIELDS);
    let matching = matching(own);
    let contract = contract(own, layer, shelf)?;
    let longest = match dispatch {
        Dispatch::Worker => LONGEST_CALL,
        Dispatch::Detached => LONGEST_DETACHED_CALL,
    };
    let table = over(layer, shelf.policy, shelf.report).table("call");
    let Call {
        deadline,
        lease,
        upload,
    } = call(&table, longest);
    let (text, methods, template) = matching?;
    let methods = match &contract {
        Some(contract) => covered(own, &text, methods, contract),
        None => methods,
    };
    if let Some(contract) = &contract {
        outlives(own, contract, &lease);
    }
    let ms = |seconds: i64| {
        u64::try_from(seconds)
            .unwrap_or_default()
            .saturating_mul(1000)
    };
    Some(Route {
        name: text.value.to_owned(),
        methods,
        template,
        contract,
        deadline_ms: ms(deadline.value),
        lease_ms: ms(lease.value),
        upload_ms: ms(upload),
        dispatch,
        deliver,
    })
}

/// The route's table over another one.
fn over<'a>(route: Layer<'a>, below: Layer<'a>, report: &'a Report) -> Section<'a> {
    let home = route.source.place(route.offset, 0);
    Section::top(vec![route, Layer { rank: 1, ..below }], home, report)
}

/// The route's contract: `Some(None)` for "none", `None` after reporting what is wrong with it.
fn contract(own: &Section<'_>, layer: Layer<'_>, shelf: &Shelf<'_>) -> Option<Option<Contract>> {
    let text = own.text("contract");
    let name = text.as_ref().map_or(DEFAULT, |text| text.value);
    if name == NONE {
        nothing_to_override(own, layer);
        return Some(None);
    }
    if !shelf.names.contains(&name) {
        let place = text.map_or(own.home(), |text| text.place);
        let mend = nearest(name, &shelf.names)
            .unwrap_or_else(|| format!("there is {}", one_of(&shelf.names)));
        own.refuse(
            "contract",
            place,
            format!("there is no contract {name:?}"),
            &mend,
        );
        return None;
    }
    let named = shelf.contracts.iter().find(|named| named.name == name)?;
    let contract = named.contract.as_ref()?;
    if !CONTRACT_FIELDS
        .iter()
        .any(|field| layer.table.contains_key(*field))
    {
        return Some(Some(contract.clone()));
    }
    let below = Layer {
        source: &named.source,
        table: named.source.document(),
        offset: 0,
        rank: 1,
    };
    let before = shelf.report.count();
    let contract = read_contract(name, &over(layer, below, shelf.report));
    (shelf.report.count() == before).then_some(Some(contract))
}

/// A rule on a route that passes everything would read as if it held.
fn nothing_to_override(own: &Section<'_>, layer: Layer<'_>) {
    let fields = CONTRACT_FIELDS
        .iter()
        .chain(&["call", "dispatch", "deliver"]);
    for field in fields.filter(|field| layer.table.contains_key(**field)) {
        let wrong = "has no effect: a route with contract = \"none\" passes through (rule 1.5)";
        own.refuse(
            field,
            own.find(field),
            wrong.to_owned(),
            "leave it out, or name a contract",
        );
    }
}

/// What `match` says: its text, the methods that it names, the template.
type Matching<'a> = (Located<'a, &'a str>, Vec<String>, Template);

fn matching<'a>(own: &Section<'a>) -> Option<Matching<'a>> {
    own.missing("match", MATCH);
    let text = own.text("match")?;
    let (words, path) = match text.value.split_once(' ') {
        Some((words, path)) => (words, path),
        None if text.value.starts_with('/') => ("", text.value),
        None => {
            own.refuse(
                "match",
                text.place,
                format!("{:?} is no route", text.value),
                MATCH,
            );
            return None;
        }
    };
    let methods = methods(own, &text, words)?;
    match Template::parse(path) {
        Ok(template) => Some((text, methods, template)),
        Err((wrong, mend)) => {
            own.refuse("match", text.place, wrong, &mend);
            None
        }
    }
}

/// The methods in front of the path, `POST,PATCH`; none of them is the empty list.
fn methods(own: &Section<'_>, text: &Located<'_, &str>, words: &str) -> Option<Vec<String>> {
    let mut methods: Vec<String> = Vec::new();
    for method in words.split(',').filter(|_| !words.is_empty()) {
        let (wrong, mend) = if method.is_empty()
            || !method
                .bytes()
                .all(|byte| byte.is_ascii_uppercase() || byte == b'-')
        {
            ("is not a method", MATCH)
        } else if method == "OPTIONS" {
            ("always passes through (rule 1.4)", "leave it out")
        } else if methods.iter().any(|earlier| earlier == method) {
            ("is named twice", "name it once")
        } else {
            methods.push(method.to_owned());
            continue;
        };
        own.refuse("match", text.place, format!("{method:?} {wrong}"), mend);
        return None;
    }
    Some(methods)
}

/// The methods of a guarded route: those that it names, all of which its contract must cover, or all of the contract's.
fn covered(
    own: &Section<'_>,
    text: &Located<'_, &str>,
    methods: Vec<String>,
    contract: &Contract,
) -> Vec<String> {
    for method in methods
        .iter()
        .filter(|method| !contract.methods.contains(method))
    {
        let known: Vec<&str> = contract.methods.iter().map(String::as_str).collect();
        let wrong = format!(
            "the contract {:?} covers {}, not {method}",
            contract.name,
            known.join(", ")
        );
        let mend = nearest(method, &known).unwrap_or_else(|| {
            format!(
                "add methods = {:?} to this route, or leave {method} out",
                methods
            )
        });
        own.refuse("match", text.place, wrong, &mend);
    }
    if methods.is_empty() {
        contract.methods.clone()
    } else {
        methods
    }
}

/// A claim may not expire while its attempt still runs (rule 5.8).
fn outlives(own: &Section<'_>, contract: &Contract, lease: &Located<'_, i64>) {
    let retention = contract.retention.ms / 1000;
    if u64::try_from(lease.value).is_ok_and(|lease| lease >= retention) {
        let wrong = format!(
            "a retention of {retention} s is not longer than the lease of {} s",
            lease.value
        );
        let place = lease
            .place
            .or_outer(own.find("retention.seconds"))
            .or_outer(own.home());
        own.refuse(
            "retention.seconds",
            place,
            wrong,
            "raise it, or lower call.lease_seconds and call.deadline_seconds",
        );
    }
}

/// A route behind others that take everything it could take is a mistake in the order (rule 1.1).
fn can_match(own: &Section<'_>, route: &Route, earlier: &[Route]) {
    let shadow = |method: &str| {
        earlier
            .iter()
            .find(|first| first.takes(method) && first.template.covers(&route.template))
    };
    let all = || {
        earlier
            .iter()
            .find(|first| first.methods.is_empty() && first.template.covers(&route.template))
    };
    let mut shadows = route.methods.iter().map(|method| shadow(method));
    let first = if route.methods.is_empty() {
        all()
    } else {
        shadows.clone().next().flatten()
    };
    if let Some(first) = first
        && shadows.all(|shadow| shadow.is_some())
    {
        let wrong = format!(
            "{:?} can never match: {:?} in front of it takes all of it (rule 1.1)",
            route.name, first.name
        );
        own.refuse(
            "match",
            own.find("match"),
            wrong,
            "remove it, or move it in front of that route",
        );
    }
}
