//! Who holds a state folder, and asking the run that does.

use std::io;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::{Duration, Instant};

use rustix::process::Signal;

use super::{Request, Response, SCHEMA, address, own_user, peer, read_line, write_line};
use crate::exec::local;
use crate::history::{Holder, holder};
use crate::run::ask::{Answer, Question};

/// So long somebody at a terminal waits for an answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// An answer may name thousands of jobs, but is no longer, in bytes.
const LONGEST: usize = 64 << 20;

/// Who holds a state folder, as far as can be told without its lock.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Seen {
    Nobody,
    /// A process that is alive, and that a signal can reach from here.
    Here(Holder),
    /// A process of another host or container, of which nothing else is known.
    Elsewhere(Holder),
}

/// Looks who holds a state folder. What a dead process of this host has left counts for nothing.
pub fn who(state: &Path) -> Seen {
    Holder::read(state).map_or(Seen::Nobody, whereabouts)
}

/// Where the process is that says so, if it is.
pub fn whereabouts(found: Holder) -> Seen {
    let (host, machine) = holder::here();
    if found.machine == machine {
        let process = local::look(found.pid as i32);
        match process.is_some_and(|process| process.started == found.started) {
            true => Seen::Here(found),
            false => Seen::Nobody,
        }
    } else if found.host == host && Holder::boot(&found.machine) != Holder::boot(&machine) {
        // It was started before this host was.
        Seen::Nobody
    } else {
        Seen::Elsewhere(found)
    }
}

/// A run of this host that stands still, as by Ctrl-Z: it hears nothing until it goes on.
fn still(state: &Path) -> Option<Holder> {
    match who(state) {
        Seen::Here(holder) => Some(holder).filter(|it| local::stands_still(it.pid as i32)),
        Seen::Nobody | Seen::Elsewhere(_) => None,
    }
}

/// Lets a run go on that stands still, as `fg` does. `None` where there is none, or it may not be told.
pub fn let_go_on(state: &Path) -> Option<Holder> {
    let holder = still(state)?;
    let process = local::look(holder.pid as i32)?;
    let is_it = process.started == holder.started;
    let sent = is_it.then(|| local::send(&process, Signal::CONT))?;
    (sent == local::Sent::Yes).then_some(holder)
}

/// Why there is no answer.
#[derive(Debug)]
pub enum Silence {
    /// Nobody listens.
    NoSocket,
    /// Somebody else does: the user's number.
    Foreign(u32),
    /// It has closed the connection: it is over, or too many ask.
    Closed,
    /// It stands still, as by Ctrl-Z, and was not asked.
    Still,
    /// It was asked and says nothing for long.
    Mute,
    /// It says that it cannot, or something that is not understood.
    Odd(String),
}

/// Asks the run that listens in a state folder. Another user's socket is not asked. From another host
/// there is none, though it may be seen; from another container of the same one there may be.
pub fn ask(state: &Path, question: Question) -> Result<(Holder, Answer), Silence> {
    ask_as(state, question, own_user())
}

fn ask_as(state: &Path, question: Question, owner: u32) -> Result<(Holder, Answer), Silence> {
    if still(state).is_some() {
        return Err(Silence::Still);
    }
    let mut stream = connect(state).map_err(|_| Silence::NoSocket)?;
    match peer(&stream) {
        Ok(user) if user == owner => {}
        Ok(user) => return Err(Silence::Foreign(user)),
        Err(_) => return Err(Silence::NoSocket),
    }
    let until = Instant::now() + PATIENCE;
    let request = Request {
        schema: SCHEMA,
        question,
    };
    let line = write_line(&mut stream, &request, until)
        .and_then(|()| read_line(&mut stream, LONGEST, until));
    let line = match line {
        Ok(Some(line)) => line,
        Err(error) if error.kind() == io::ErrorKind::TimedOut => return Err(Silence::Mute),
        Ok(None) | Err(_) => return Err(Silence::Closed),
    };
    let response: Response =
        serde_json::from_slice(&line).map_err(|error| Silence::Odd(error.to_string()))?;
    match (response.answer, response.error) {
        (Some(answer), _) => Ok((response.run, answer)),
        (None, error) => Err(Silence::Odd(error.unwrap_or_default())),
    }
}

fn connect(state: &Path) -> io::Result<UnixStream> {
    let (_folder, path) = address(state)?;
    UnixStream::connect(path)
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::os::unix::fs::{FileTypeExt, MetadataExt};
    use std::path::PathBuf;
    use std::sync::mpsc::Receiver;

    use super::*;
    use crate::cli::ask::listen::{self, Listening};
    use crate::cli::inbox::inbox;
    use crate::run::Msg;
    use crate::run::ask::{Ask, Ending, How};

    /// Answers whatever comes.
    fn run(inbox: Receiver<Msg>) {
        std::thread::spawn(move || {
            for msg in inbox {
                if let Msg::Ask(Ask { question, reply }) = msg {
                    let how = match question {
                        Question::Drain => How::Drain,
                        _ => How::End,
                    };
                    let ending = Ending { how, n_running: 3 };
                    reply.try_send(Answer::Ending(ending)).ok();
                }
            }
        });
    }

    fn listening(state: &Path, owner: u32) -> Listening {
        std::fs::create_dir_all(state).unwrap();
        let (sender, inbox) = inbox().unwrap();
        run(inbox);
        listen::start(state, Holder::this("run", 1, "id"), owner, sender).unwrap()
    }

    fn drained(state: &Path) -> bool {
        matches!(
            ask(state, Question::Drain),
            Ok((
                _,
                Answer::Ending(Ending {
                    how: How::Drain,
                    n_running: 3
                })
            ))
        )
    }

    #[test]
    fn a_run_answers_however_long_the_folders_name_is() {
        let temp = tempfile::tempdir().unwrap();
        let mut state = PathBuf::from(temp.path());
        state.extend(std::iter::repeat_n("a-folder-with-a-long-name", 8));
        let listening = listening(&state, own_user());
        let socket = std::fs::symlink_metadata(state.join("socket")).unwrap();
        assert!(socket.file_type().is_socket());
        assert_eq!(socket.mode() & 0o777, 0o600);
        assert!(drained(&state) && drained(&state));
        drop(listening);
        assert!(!state.join("socket").exists());
        assert!(matches!(ask(&state, Question::Run), Err(Silence::NoSocket)));
    }

    #[test]
    fn what_a_dead_run_left_is_replaced() {
        let temp = tempfile::tempdir().unwrap();
        let first = listening(temp.path(), own_user());
        // Its thread goes on, as if the file were all that is left.
        std::mem::forget(first);
        let _second = listening(temp.path(), own_user());
        assert!(drained(temp.path()));
        std::fs::remove_file(temp.path().join("socket")).unwrap();
        std::fs::write(temp.path().join("socket"), "no socket").unwrap();
        assert!(matches!(
            ask(temp.path(), Question::Run),
            Err(Silence::NoSocket)
        ));
        let _third = listening(temp.path(), own_user());
        assert!(drained(temp.path()));
    }

    #[test]
    fn another_user_is_neither_asked_nor_answered() {
        let temp = tempfile::tempdir().unwrap();
        let _listening = listening(temp.path(), own_user() + 1);
        assert!(matches!(
            ask(temp.path(), Question::Run),
            Err(Silence::Closed)
        ));
        let asked = ask_as(temp.path(), Question::Run, own_user() + 1);
        let own = own_user();
        assert!(matches!(asked, Err(Silence::Foreign(user)) if user == own));
    }

    #[test]
    fn what_is_no_question_is_told_so_and_holds_nobody_up() {
        let temp = tempfile::tempdir().unwrap();
        let _listening = listening(temp.path(), own_user());
        let tell = |text: &[u8]| {
            let mut stream = connect(temp.path()).unwrap();
            stream.write_all(text).ok();
            let until = Instant::now() + PATIENCE;
            let line = read_line(&mut stream, LONGEST, until).ok().flatten();
            String::from_utf8(line.unwrap_or_default()).unwrap()
        };
        assert!(tell(b"what?\n").contains("no question"));
        assert!(tell(b"{\"schema\":1,\"ask\":\"dance\"}\n").contains("no question"));
        assert!(tell(b"{\"schema\":2,\"ask\":\"run\"}\n").contains("schema 2"));
        assert_eq!(tell(&[b'x'; 100 << 10]), "");
        // Slow ones, fewer than there is room for.
        let mut slow: Vec<UnixStream> = (0..8).map(|_| connect(temp.path()).unwrap()).collect();
        slow.iter_mut()
            .for_each(|slow| slow.write_all(b"{").unwrap());
        assert!(drained(temp.path()));
    }
}
