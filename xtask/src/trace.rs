//! Reads what strace wrote of the calls that name a destination, and judges each one. Pure: the
//! running of programs is left to `airgap`. What can't be read is a failure, never a silence.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    fmt,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
};

/// The calls to trace: those that name a destination, and those that tell which program made them.
pub(crate) const CALLS: &str =
    "trace=connect,sendto,sendmsg,sendmmsg,execve,clone,clone3,fork,vfork";

/// Where a call was meant to go.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Place {
    Net(SocketAddr),
    Unix(String),
    /// The kernel's own account of the machine: interfaces, addresses.
    Kernel,
    /// A line that names a destination in a way that is not known here.
    Unreadable(String),
}

/// One attempt to reach something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Call {
    pub(crate) program: String,
    pub(crate) place: Place,
    /// Whether it failed on the spot.
    pub(crate) failed: bool,
}

/// What is thought of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Verdict {
    Leak(&'static str),
    Excepted(&'static str),
    Fine(&'static str),
}

/// Names of a program that asks the C library for a person or a machine. They may pass a question on to
/// the network, so that a closed network alone does not hold them.
const NAME_SERVICES: [&str; 3] = ["/nscd/", "/systemd/resolve/", "/avahi-daemon/"];
/// Ports at which names are asked for: DNS, DNS over TLS, and its multicast form.
const NAME_PORTS: [u16; 3] = [53, 853, 5353];
/// A browser's question to its own kernel whether IPv6 leads anywhere: a datagram socket is connected to
/// this address, and nothing is sent.
const BROWSER: &str = "chromium";
const BROWSER_PROBE: SocketAddr = SocketAddr::new(
    IpAddr::V6(Ipv6Addr::new(0x2001, 0x4860, 0x4860, 0, 0, 0, 0, 0x8888)),
    443,
);

impl Call {
    /// `systems` are those that the appliance was told to connect to.
    pub(crate) fn verdict(&self, systems: &BTreeSet<SocketAddr>) -> Verdict {
        match &self.place {
            Place::Kernel => Verdict::Fine("the kernel of this machine"),
            Place::Unreadable(_) => Verdict::Leak("a destination that can't be read"),
            Place::Unix(path) if NAME_SERVICES.iter().any(|part| path.contains(part)) => {
                if self.failed {
                    Verdict::Excepted("the C library looks for a name service; there is none")
                } else {
                    Verdict::Leak("a name service, which may ask the network")
                }
            }
            Place::Unix(_) => Verdict::Fine("a socket of this machine"),
            Place::Net(address) if NAME_PORTS.contains(&address.port()) => {
                Verdict::Leak("asks for a name")
            }
            Place::Net(address) if is_here(address.ip()) => Verdict::Fine("loopback"),
            Place::Net(address) if systems.contains(address) => {
                Verdict::Fine("a configured system")
            }
            Place::Net(address) if *address == BROWSER_PROBE && self.program == BROWSER => {
                Verdict::Excepted("the browser asks its kernel for a route; nothing is sent")
            }
            Place::Net(_) => Verdict::Leak("leaves this machine"),
        }
    }
}

/// Whether an address is this machine's own; one of nothing but zeros is taken for it by the kernel.
fn is_here(ip: IpAddr) -> bool {
    let ip = ip.to_canonical();
    ip.is_loopback() || ip.is_unspecified()
}

impl fmt::Display for Place {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            // The ports of loopback are new at every run: only how many there were is of use.
            Self::Net(address) if is_here(address.ip()) && !is_name_port(*address) => {
                write!(out, "{}", address.ip())
            }
            Self::Net(address) => write!(out, "{address}"),
            Self::Unix(path) => write!(out, "unix {path}"),
            Self::Kernel => write!(out, "netlink"),
            Self::Unreadable(text) => write!(out, "{text}"),
        }
    }
}

fn is_name_port(address: SocketAddr) -> bool {
    NAME_PORTS.contains(&address.port())
}

/// One line of the table.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Row {
    pub(crate) program: String,
    pub(crate) place: String,
    pub(crate) verdict: Verdict,
    pub(crate) ports: usize,
    pub(crate) calls: usize,
}

/// The destinations of all calls, those that must not be first.
pub(crate) fn table(calls: &[Call], systems: &BTreeSet<SocketAddr>) -> Vec<Row> {
    let mut rows: BTreeMap<(Verdict, &str, String), (BTreeSet<u16>, usize)> = BTreeMap::new();
    for call in calls {
        let key = (
            call.verdict(systems),
            call.program.as_str(),
            call.place.to_string(),
        );
        let (ports, count) = rows.entry(key).or_default();
        if let Place::Net(address) = call.place {
            ports.insert(address.port());
        }
        *count += 1;
    }
    rows.into_iter()
        .map(|((verdict, program, place), (ports, calls))| Row {
            program: program.to_owned(),
            place,
            verdict,
            ports: ports.len(),
            calls,
        })
        .collect()
}

/// Reads a whole trace: `strace -f -s 0 -o FILE`, one line per call with its thread in front.
pub(crate) fn read(text: &str) -> Vec<Call> {
    let lines: Vec<(&str, &str)> = text.lines().filter_map(split_thread).collect();
    let mut threads = Threads::parents(&lines);
    let mut calls: Vec<Call> = Vec::new();
    // Calls that another thread's line came between, and whose result stands further down.
    let mut open: HashMap<&str, Vec<usize>> = HashMap::new();
    for (thread, line) in lines {
        if let Some(path) = line.strip_prefix("execve(\"") {
            threads.becomes(thread, path, line);
            continue;
        }
        if let Some(resumed) = line.strip_prefix("<... ") {
            let is_call = ["connect ", "sendto ", "sendmsg ", "sendmmsg "]
                .iter()
                .any(|name| resumed.starts_with(name));
            if is_call && has_failed(line) {
                for index in open.remove(thread).unwrap_or_default() {
                    calls[index].failed = true;
                }
            }
            continue;
        }
        let Some(places) = places_of(line) else {
            continue;
        };
        let first = calls.len();
        for place in places {
            calls.push(Call {
                program: threads.program(thread),
                place,
                failed: has_failed(line),
            });
        }
        if line.ends_with("<unfinished ...>") {
            open.insert(thread, (first..calls.len()).collect());
        }
    }
    calls
}

fn split_thread(line: &str) -> Option<(&str, &str)> {
    let (thread, rest) = line.split_once(' ')?;
    let is_number = !thread.is_empty() && thread.bytes().all(|b| b.is_ascii_digit());
    is_number.then(|| (thread, rest.trim_start()))
}

/// Which thread came from which, and which program each one is.
struct Threads<'a> {
    parent: HashMap<&'a str, &'a str>,
    program: HashMap<&'a str, String>,
}

impl<'a> Threads<'a> {
    fn parents(lines: &[(&'a str, &'a str)]) -> Self {
        let mut parent = HashMap::new();
        for (thread, line) in lines {
            let line = line.strip_prefix("<... ").unwrap_or(line);
            let is_birth = ["clone", "fork", "vfork"]
                .iter()
                .any(|name| line.starts_with(name));
            if is_birth
                && let Some((_, result)) = line.rsplit_once(" = ")
                && let Some(child) = result.split(' ').next()
                && child.bytes().all(|b| b.is_ascii_digit())
            {
                parent.entry(child).or_insert(*thread);
            }
        }
        Self {
            parent,
            program: HashMap::new(),
        }
    }

    /// A thread becomes another program, unless that one was not found.
    fn becomes(&mut self, thread: &'a str, path: &str, line: &str) {
        let Some((path, _)) = path.split_once('"') else {
            return;
        };
        // A browser starts its own children by this name: they stay what they were.
        if !has_failed(line) && path != "/proc/self/exe" {
            let name = path.rsplit('/').next().unwrap_or(path);
            self.program.insert(thread, name.to_owned());
        }
    }

    fn program(&self, thread: &'a str) -> String {
        let mut at = thread;
        // No family is this deep; a number given out twice could make a ring.
        for _ in 0..64 {
            if let Some(name) = self.program.get(at) {
                return name.clone();
            }
            match self.parent.get(at) {
                Some(parent) => at = parent,
                None => break,
            }
        }
        "?".to_owned()
    }
}

fn has_failed(line: &str) -> bool {
    // Not yet done is not failed: a connection that is made without waiting.
    line.rsplit_once(" = -1 ").is_some_and(|(_, error)| {
        !error.starts_with("EINPROGRESS") && !error.starts_with("EALREADY")
    })
}

/// The destinations that a line names; none for another call, or for a socket that is connected.
fn places_of(line: &str) -> Option<Vec<Place>> {
    let (name, rest) = line.split_once('(')?;
    if !["connect", "sendto", "sendmsg", "sendmmsg"].contains(&name) {
        return None;
    }
    let found: Vec<Place> = rest
        .match_indices("{sa_family=")
        .map(|(at, _)| place(&rest[at..]))
        .collect();
    let is_connected = match name {
        "sendto" => rest.contains(", NULL, 0"),
        "sendmsg" | "sendmmsg" => rest.contains("msg_name=NULL"),
        _ => false,
    };
    if found.is_empty() && !is_connected {
        return Some(vec![Place::Unreadable(line.to_owned())]);
    }
    Some(found)
}

fn place(text: &str) -> Place {
    // Up to its closing bracket; a path of a socket may hold one too.
    let end = text.find("}, ").unwrap_or(text.len());
    let text = &text[..end];
    let read = if text.contains("=AF_UNIX") {
        text.split_once("sun_path=")
            .map(|(_, path)| Place::Unix(path.trim_matches(['"', '}']).to_owned()))
    } else if text.contains("=AF_NETLINK") {
        Some(Place::Kernel)
    } else if text.contains("=AF_INET6") {
        address::<Ipv6Addr>(text, "inet_pton(AF_INET6, \"")
    } else if text.contains("=AF_INET") {
        address::<Ipv4Addr>(text, "inet_addr(\"")
    } else {
        None
    };
    read.unwrap_or_else(|| Place::Unreadable(text.to_owned()))
}

fn address<T: std::str::FromStr + Into<IpAddr>>(text: &str, before: &str) -> Option<Place> {
    let (_, port) = text.split_once("port=htons(")?;
    let port = port.split_once(')')?.0.parse().ok()?;
    let (_, ip) = text.split_once(before)?;
    let ip: T = ip.split_once('"')?.0.parse().ok()?;
    Some(Place::Net(SocketAddr::new(ip.into(), port)))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TRACE: &str = r#"10 execve("/usr/bin/optria", [""...], 0x7ffe /* 40 vars */) = 0
10 clone3({flags=CLONE_VM}, 88) = 11
11 connect(28, {sa_family=AF_INET, sin_port=htons(41933), sin_addr=inet_addr("127.0.0.1")}, 16) = -1 EINPROGRESS (Operation now in progress)
11 sendto(28, ""..., 58, MSG_NOSIGNAL, NULL, 0) = 58
10 vfork( <unfinished ...>
12 execve("/nowhere/chromium", [""...], 0x7ffe /* 40 vars */) = -1 ENOENT (No such file or directory)
12 execve("/usr/lib/chromium/chromium", [""...], 0x7ffe /* 40 vars */ <unfinished ...>
10 <... vfork resumed>)              = 12
12 <... execve resumed>)             = 0
12 clone(child_stack=NULL, flags=CLONE_CHILD) = 13
13 execve("/proc/self/exe", [""...], 0x7ffe /* 40 vars */) = 0
13 connect(7, {sa_family=AF_INET6, sin6_port=htons(443), sin6_flowinfo=htonl(0), inet_pton(AF_INET6, "2001:4860:4860::8888", &sin6_addr), sin6_scope_id=0}, 28 <unfinished ...>
11 connect(29, {sa_family=AF_UNIX, sun_path="/var/run/nscd/socket"}, 110 <unfinished ...>
13 <... connect resumed>)            = -1 ENETUNREACH (Network is unreachable)
11 <... connect resumed>)            = -1 ENOENT (No such file or directory)
11 sendto(30, ""..., 20, 0, {sa_family=AF_NETLINK, nl_pid=0, nl_groups=00000000}, 12) = 20
"#;

    fn call(program: &str, place: Place, failed: bool) -> Call {
        Call {
            program: program.to_owned(),
            place,
            failed,
        }
    }

    fn net(address: &str) -> Place {
        Place::Net(address.parse().unwrap())
    }

    #[test]
    fn reads_who_asked_for_what() {
        let nscd = Place::Unix("/var/run/nscd/socket".to_owned());
        let expected = [
            call("optria", net("127.0.0.1:41933"), false),
            call("chromium", net("[2001:4860:4860::8888]:443"), true),
            call("optria", nscd, true),
            call("optria", Place::Kernel, false),
        ];
        assert_eq!(read(TRACE), expected);
        let rows = table(&read(TRACE), &BTreeSet::new());
        assert!(rows.iter().all(|r| !matches!(r.verdict, Verdict::Leak(_))));
    }

    fn verdict(program: &str, line: &str) -> Verdict {
        let text = format!("1 execve(\"/bin/{program}\", [], 0x1) = 0\n1 {line}\n");
        let calls = read(&text);
        assert_eq!(calls.len(), 1, "{line}");
        calls[0].verdict(&BTreeSet::from(["10.1.2.3:4840".parse().unwrap()]))
    }

    #[test]
    fn finds_what_leaves_the_machine() {
        let v4 = |ip: &str, port: u16| {
            format!(
                "connect(3, {{sa_family=AF_INET, sin_port=htons({port}), sin_addr=inet_addr(\"{ip}\")}}, 16) = 0"
            )
        };
        for line in [
            v4("192.0.2.1", 443),
            v4("10.1.2.3", 4841),
            v4("127.0.0.53", 53),
            v4("224.0.0.251", 5353),
            r#"sendmsg(3, {msg_name={sa_family=AF_INET6, sin6_port=htons(9), sin6_flowinfo=htonl(0), inet_pton(AF_INET6, "2001:db8::1", &sin6_addr), sin6_scope_id=0}, msg_namelen=28}, 0) = 4"#.to_owned(),
            r#"connect(3, {sa_family=AF_INET6, sin6_port=htons(443), sin6_flowinfo=htonl(0), inet_pton(AF_INET6, "2001:4860:4860::8888", &sin6_addr), sin6_scope_id=0}, 28) = 0"#.to_owned(),
            r#"connect(3, {sa_family=AF_UNIX, sun_path="/run/systemd/resolve/io.systemd.Resolve"}, 42) = 0"#.to_owned(),
            "connect(3, {sa_family=AF_BLUETOOTH, sa_data=\"\"...}, 16) = 0".to_owned(),
            "connect(3, 0x7ffd8, 16) = -1 EFAULT (Bad address)".to_owned(),
            "sendto(3, \"\"..., 4, 0, 0x7ffd8, 16) = -1 EFAULT (Bad address)".to_owned(),
        ] {
            assert!(matches!(verdict("optria", &line), Verdict::Leak(_)), "{line}");
        }
        for line in [
            v4("127.0.0.1", 4840),
            v4("0.0.0.0", 4840),
            v4("10.1.2.3", 4840),
            r#"connect(3, {sa_family=AF_INET6, sin6_port=htons(9), sin6_flowinfo=htonl(0), inet_pton(AF_INET6, "::ffff:127.0.0.1", &sin6_addr), sin6_scope_id=0}, 28) = 0"#.to_owned(),
            r#"connect(3, {sa_family=AF_UNIX, sun_path=@"bus"}, 6) = 0"#.to_owned(),
        ] {
            assert!(matches!(verdict("optria", &line), Verdict::Fine(_)), "{line}");
        }
    }

    #[test]
    fn counts_the_ports_of_loopback_together_and_shows_leaks_first() {
        let calls = [
            call("optria", net("127.0.0.1:1024"), false),
            call("optria", net("127.0.0.1:1025"), false),
            call("optria", net("192.0.2.1:443"), true),
        ];
        let rows = table(&calls, &BTreeSet::new());
        assert_eq!(
            (rows[0].place.as_str(), rows[0].calls),
            ("192.0.2.1:443", 1)
        );
        assert_eq!((rows[1].place.as_str(), rows[1].ports), ("127.0.0.1", 2));
    }
}
