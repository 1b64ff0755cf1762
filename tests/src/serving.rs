//! A small HTTP server that speaks OpenAI's protocol, or misbehaves as it is told.
use inference::{AnswerDecoding, AnswerRequest, BuiltIn, FrozenModel};
use lm::{Llama, ModelFolder};
use serde_json::{Value, json};
use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::ops::ControlFlow;
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// A request as it came.
#[derive(Debug, Clone)]
pub struct Seen {
    pub path: String,
    /// Names in small letters.
    pub headers: Vec<(String, String)>,
    pub body: Value,
}

impl Seen {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// The user's message.
    pub fn prompt(&self) -> &str {
        self.body["messages"][0]["content"].as_str().unwrap_or_default()
    }

    fn is_question(&self) -> bool {
        self.path.ends_with("/chat/completions")
    }
}

/// What to do with a request.
pub enum Act {
    /// A status, more headers, a body.
    Say(u16, Vec<(&'static str, String)>, String),
    /// The same of bytes, of which only so many come before the connection ends.
    Give(u16, Vec<(&'static str, String)>, Vec<u8>, usize),
    /// The first bytes of a body, so many of them; then nothing until the other side ends the connection.
    Stall(Vec<u8>, usize),
    /// A page whose length is not said: it ends with the connection.
    Page(String),
    /// Nothing, for so long.
    Hang(Duration),
    /// The beginning of an answer, then the end of the connection.
    BreakOff,
}

impl Act {
    pub fn json(value: &Value) -> Self {
        Self::Say(200, Vec::new(), value.to_string())
    }

    pub fn error(status: u16, message: &str, code: &str) -> Self {
        Self::Say(status, Vec::new(), json!({ "error": { "message": message, "code": code } }).to_string())
    }
}

type Handler = dyn Fn(&Seen) -> Act + Send + Sync;

/// A server in this process, on a port of its own.
pub struct Server {
    port: u16,
    seen: Arc<Mutex<Vec<Seen>>>,
    running: Arc<Mutex<Running>>,
}

#[derive(Default)]
struct Running {
    streams: Vec<TcpStream>,
    is_stopped: bool,
}

impl Server {
    pub fn start(handler: impl Fn(&Seen) -> Act + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut server = Self { port: listener.local_addr().unwrap().port(), seen: Arc::default(), running: Arc::default() };
        server.accept(listener, handler);
        server
    }

    /// Where OpenAI's protocol begins.
    pub fn url(&self) -> String {
        format!("{}/v1", self.address())
    }

    /// Without a path.
    pub fn address(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    pub fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }

    /// Questions that have come, those that were not answered included.
    pub fn questions(&self) -> Vec<Seen> {
        self.seen().into_iter().filter(Seen::is_question).collect()
    }

    /// Ends all connections and takes no more.
    pub fn stop(&mut self) {
        let mut running = self.running.lock().unwrap();
        running.is_stopped = true;
        running.streams.drain(..).for_each(|stream| drop(stream.shutdown(Shutdown::Both)));
        drop(running);
        // Wakes the thread that waits for a connection, which then gives the port back.
        drop(TcpStream::connect(("127.0.0.1", self.port)));
        while TcpStream::connect(("127.0.0.1", self.port)).is_ok() {
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// The same address again after [`Self::stop`].
    pub fn start_again(&mut self, handler: impl Fn(&Seen) -> Act + Send + Sync + 'static) {
        self.running = Arc::default();
        self.accept(TcpListener::bind(("127.0.0.1", self.port)).unwrap(), handler);
    }

    fn accept(&mut self, listener: TcpListener, handler: impl Fn(&Seen) -> Act + Send + Sync + 'static) {
        let (seen, running, handler) = (self.seen.clone(), self.running.clone(), Arc::new(handler));
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let stream = stream.unwrap();
                let mut held = running.lock().unwrap();
                if held.is_stopped {
                    return;
                }
                held.streams.push(stream.try_clone().unwrap());
                let (seen, handler) = (seen.clone(), handler.clone());
                std::thread::spawn(move || serve(stream, &seen, handler.as_ref()));
            }
        });
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if !self.running.lock().unwrap().is_stopped {
            self.stop();
        }
    }
}

/// One connection, request after request; ends when the other side does.
fn serve(mut stream: TcpStream, seen: &Mutex<Vec<Seen>>, handler: &Handler) {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    while let Some(request) = read(&mut reader) {
        seen.lock().unwrap().push(request.clone());
        let answered = match handler(&request) {
            Act::Say(status, headers, body) => stream.write_all(&[head(status, &headers, body.len()).as_bytes(), body.as_bytes()].concat()),
            Act::Give(status, headers, body, given) => {
                let given = &body[..given.min(body.len())];
                let written = stream.write_all(head(status, &headers, body.len()).as_bytes()).and_then(|()| stream.write_all(given));
                if given.len() < body.len() {
                    let _ = stream.shutdown(Shutdown::Both);
                    return;
                }
                written
            }
            Act::Stall(body, given) => {
                let written = stream.write_all(head(200, &[], body.len()).as_bytes()).and_then(|()| stream.write_all(&body[..given]));
                // Ends with the connection.
                let _ = written.and_then(|()| stream.read_exact(&mut [0]));
                return;
            }
            Act::Hang(length) => {
                std::thread::sleep(length);
                return;
            }
            Act::Page(text) => {
                let _ = stream.write_all(format!("HTTP/1.1 200 X\r\nConnection: close\r\n\r\n{text}").as_bytes());
                let _ = stream.shutdown(Shutdown::Both);
                return;
            }
            Act::BreakOff => {
                let _ = stream.write_all(b"HTTP/1.1 200 X\r\nContent-Length: 4000\r\n\r\n{\"choices\":[{\"mess");
                let _ = stream.shutdown(Shutdown::Both);
                return;
            }
        };
        if answered.is_err() {
            return;
        }
    }
}

fn head(status: u16, headers: &[(&str, String)], length: usize) -> String {
    let headers: String = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    format!("HTTP/1.1 {status} X\r\nServer: small/1.0\r\nContent-Length: {length}\r\n{headers}\r\n")
}

fn read(reader: &mut BufReader<TcpStream>) -> Option<Seen> {
    let mut line = String::new();
    reader.read_line(&mut line).ok().filter(|length| *length > 0)?;
    let path = line.split(' ').nth(1)?.to_owned();
    let mut headers = Vec::new();
    loop {
        line.clear();
        reader.read_line(&mut line).ok()?;
        let Some((name, value)) = line.trim().split_once(':') else { break };
        headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
    }
    let length = headers.iter().find(|(name, _)| name == "content-length").map_or(0, |(_, length)| length.parse().unwrap());
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    Some(Seen { path, headers, body: serde_json::from_slice(&body).unwrap_or(Value::Null) })
}

/// The list of models.
pub fn models(names: &[&str]) -> Act {
    let data: Vec<Value> =
        names.iter().map(|name| json!({ "id": name, "object": "model", "owned_by": "tests", "root": "weights/7" })).collect();
    Act::json(&json!({ "object": "list", "data": data }))
}

/// An answer of the protocol, with what was asked for and can be given.
pub fn completion(seen: &Seen, text: &str, log_probs: Option<&[f32]>, tokens: usize, truncated: bool) -> Value {
    let mut answer = json!({
        "object": "chat.completion",
        "model": seen.body["model"],
        "system_fingerprint": "fp_tests",
        "choices": [{
            "index": 0,
            "message": { "role": "assistant", "content": text },
            "finish_reason": if truncated { "length" } else { "stop" },
        }],
        "usage": { "prompt_tokens": seen.prompt().split_whitespace().count() + 8, "completion_tokens": tokens },
    });
    if seen.body["logprobs"] == true
        && let Some(log_probs) = log_probs
    {
        let content: Vec<Value> = log_probs.iter().map(|l| json!({ "token": "x", "logprob": l })).collect();
        answer["choices"][0]["logprobs"] = json!({ "content": content });
    }
    answer
}

/// Answers made of a few words, a function of prompt and seed alone. Takes no time.
pub fn words(seen: &Seen) -> Value {
    let seed = if seen.body["temperature"].as_f64() == Some(0.0) { 0 } else { seen.body["seed"].as_u64().unwrap_or(0) };
    worded(seen, seed)
}

/// The same with a seed that the server chose.
pub fn worded(seen: &Seen, seed: u64) -> Value {
    const WORDS: [&str; 8] = ["good", "bad", "lovely", "terrible", "river", "great", "sad", "happy"];
    let mut hash = DefaultHasher::new();
    (seen.prompt(), seed).hash(&mut hash);
    let number = hash.finish();
    let text: Vec<&str> = (0..6).map(|i| WORDS[(number >> (3 * i)) as usize & 7]).collect();
    let log_probs: Vec<f32> = (0..6).map(|i| -((number >> (5 * i)) as u8 as f32) / 100.0).collect();
    completion(seen, &text.join(" "), Some(&log_probs), 6, false)
}

/// A server of words that behaves well.
pub fn well_behaved(seen: &Seen) -> Act {
    if seen.path.ends_with("/models") { models(&["small"]) } else { Act::json(&words(seen)) }
}

/// Serves the embedded model through the built-in engine, one request at a time, under the name `smollm2`.
pub fn embedded() -> impl Fn(&Seen) -> Act + Send + Sync + 'static {
    let engine = Mutex::new(builtin());
    move |seen: &Seen| {
        if seen.path.ends_with("/models") {
            return models(&["smollm2"]);
        }
        let number = |name: &str| seen.body[name].as_f64().unwrap();
        let decoding = AnswerDecoding {
            max_tokens: seen.body["max_tokens"].as_u64().unwrap().try_into().unwrap(),
            temperature: number("temperature"),
            top_p: number("top_p"),
            top_k: 0,
        };
        let request = AnswerRequest::new(seen.prompt(), seen.body["seed"].as_u64().unwrap_or(0));
        let mut engine = engine.lock().unwrap();
        let answer = engine.answer(&[request], &decoding, &mut |_| ControlFlow::Continue(())).unwrap().remove(0);
        Act::json(&completion(seen, &answer.text, Some(&answer.log_probs), answer.tokens.len(), answer.truncated))
    }
}

/// The embedded model in the built-in engine.
pub fn builtin() -> BuiltIn {
    let folder = ModelFolder::open(&crate::model()).unwrap();
    BuiltIn::new(Llama::load(&folder, &lm::best_device(), lm::Precision::F32).unwrap(), &folder).unwrap()
}
