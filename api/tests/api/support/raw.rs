//! Requests written to the wire as they are: no client in between tidies them up.

use super::{Answer, Person};
use reqwest::{
    StatusCode,
    header::{HeaderMap, HeaderName, HeaderValue},
};
use serde_json::Value;
use std::fmt::Write;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

/// A request as it is written.
#[derive(Clone, Debug)]
pub struct Raw {
    pub method: &'static str,
    pub target: String,
    pub headers: Vec<(&'static str, String)>,
    pub body: Vec<u8>,
}

impl Person {
    /// Sends a request as it is written, with the cookies of this person.
    pub async fn send_raw(&self, raw: &Raw) -> Answer {
        let mut head = format!(
            "{} {} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\nContent-Length: {}\r\n",
            raw.method,
            raw.target,
            self.base().authority(),
            raw.body.len()
        );
        if let Some(session) = self.cookie("session") {
            let _ = write!(head, "Cookie: session={session}\r\n");
        }
        for (name, value) in &raw.headers {
            let _ = write!(head, "{name}: {value}\r\n");
        }
        let request = [head.as_bytes(), b"\r\n", &raw.body].concat();
        let mut stream = TcpStream::connect(self.base().authority()).await.unwrap();
        // A server that has seen enough may close before it has read everything.
        let _ = stream.write_all(&request).await;
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer).await;
        read(&answer)
    }
}

fn read(answer: &[u8]) -> Answer {
    let end = answer.windows(4).position(|part| part == b"\r\n\r\n");
    let end = end.unwrap_or_else(|| panic!("no head: {:?}", String::from_utf8_lossy(answer)));
    let head = std::str::from_utf8(&answer[..end]).unwrap();
    let mut lines = head.split("\r\n");
    let status = lines.next().unwrap().split(' ').nth(1).unwrap();
    let mut headers = HeaderMap::new();
    for line in lines {
        let (name, value) = line.split_once(": ").unwrap();
        headers.append(
            HeaderName::try_from(name).unwrap(),
            HeaderValue::try_from(value).unwrap(),
        );
    }
    let body = &answer[end + 4..];
    let body = serde_json::from_slice(body)
        .unwrap_or_else(|_| Value::String(String::from_utf8_lossy(body).into_owned()));
    Answer {
        status: StatusCode::from_bytes(status.as_bytes()).unwrap(),
        headers,
        body,
    }
}
