//! Messages of the language server protocol on two byte streams: a header, then JSON.

use std::io::{self, BufRead, Read, Write};

use lsp_server::Message;
use serde_json::{Value, json};

/// More in one message is taken for noise rather than for a workflow.
const LARGEST: usize = 1 << 28;

/// What came in.
pub enum Incoming {
    Message(Message),
    /// Framed as a message, and none; why.
    Malformed(String),
}

/// The next message; `None` at the end of the stream. An error is one after which nobody can tell
/// where the next message begins.
pub fn read(input: &mut impl BufRead) -> io::Result<Option<Incoming>> {
    let wrong = |text: String| io::Error::new(io::ErrorKind::InvalidData, text);
    let mut length = None;
    loop {
        let mut line = Vec::new();
        // A line without an end is no reason to read for ever.
        let n_read = input.by_ref().take(8192).read_until(b'\n', &mut line)?;
        if n_read == 0 && length.is_none() {
            return Ok(None);
        }
        if line.last() != Some(&b'\n') {
            return Err(wrong("a header line does not end".into()));
        }
        let line = String::from_utf8_lossy(&line);
        let line = line.trim_end();
        if line.is_empty() {
            break;
        }
        let (name, value) = line.split_once(':').unwrap_or((line, ""));
        if name.eq_ignore_ascii_case("content-length") {
            let value = value.trim();
            length = value.parse::<usize>().ok().filter(|&n| n <= LARGEST);
            if length.is_none() {
                return Err(wrong(format!("`{value}` is no length of a message")));
            }
        }
    }
    let length = length.ok_or_else(|| wrong("a message has no Content-Length".into()))?;
    let mut body = Vec::new();
    if input.by_ref().take(length as u64).read_to_end(&mut body)? < length {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok(Some(match parse(&body) {
        Ok(message) => Incoming::Message(message),
        Err(why) => Incoming::Malformed(why),
    }))
}

fn parse(body: &[u8]) -> Result<Message, String> {
    let value: Value = serde_json::from_slice(body).map_err(|error| error.to_string())?;
    let has_id = value.get("id").is_some();
    let message = serde_json::from_value(value).map_err(|_| "this is no message".to_string())?;
    match message {
        // Somebody waits for an answer, which could not be told whose it is.
        Message::Notification(_) if has_id => Err("`id` is neither a number nor text".into()),
        message => Ok(message),
    }
}

/// Writes a message.
pub fn write(out: &mut impl Write, message: impl Into<Message>) -> io::Result<()> {
    message.into().write(out)
}

/// The answer to something that was no message, so that it has no number.
pub fn write_parse_error(out: &mut impl Write, why: &str) -> io::Result<()> {
    let code = lsp_server::ErrorCode::ParseError as i32;
    let error = json!({"code": code, "message": why});
    let text = json!({"jsonrpc": "2.0", "id": Value::Null, "error": error}).to_string();
    write!(out, "Content-Length: {}\r\n\r\n{text}", text.len())?;
    out.flush()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What each message is, and how the stream ends.
    fn read_all(mut input: &[u8]) -> String {
        let mut found = Vec::new();
        loop {
            found.push(match read(&mut input) {
                Ok(None) => break,
                Ok(Some(Incoming::Message(_))) => "message",
                Ok(Some(Incoming::Malformed(_))) => "malformed",
                Err(_) => {
                    found.push("lost");
                    break;
                }
            });
        }
        found.join(" ")
    }

    #[test]
    fn a_stream_is_cut_into_messages() {
        let message = r#"{"jsonrpc":"2.0","method":"exit"}"#;
        let n = message.len();
        let good = format!("Content-Length: {n}\r\n\r\n{message}");
        let typed = format!("content-length:{n}\r\nContent-Type: x\r\n\r\n{message}");
        let cases = [
            ("".into(), ""),
            (format!("{good}{typed}"), "message message"),
            (
                format!("Content-Length: 3\r\n\r\n}}{{}}{good}"),
                "malformed message",
            ),
            (
                format!("Content-Length: 2\r\n\r\n{{}}{good}"),
                "malformed message",
            ),
            ("Content-Length: 9\r\n\r\nabc".into(), "lost"),
            ("Content-Length: -1\r\n\r\n".into(), "lost"),
            (format!("Content-Length: {}\r\n\r\n", u64::MAX), "lost"),
            ("\r\n".into(), "lost"),
            ("GET / HTTP/1.1\r\n\r\n".into(), "lost"),
            ("x".repeat(100_000), "lost"),
        ];
        for (input, expected) in cases {
            assert_eq!(read_all(input.as_bytes()), expected, "{input:.60}");
        }
    }
}
