//! A download over HTTP that goes on where it broke off, in this process or a later one.
//!
//! Python transfers, which is here for pip anyway: it trusts the certificates that pip trusts, such as those of a company's proxy.
use crate::home::write_error;
use contract::{Error, Result};
use std::path::Path;
use std::process::{Command, Stdio};

/// Appends to `file` what it lacks of what is at `address`, with the Python `program`. What has arrived stays in `file`, also after an error.
/// Blocks; quiet. The caller checks the content.
pub fn fetch(program: &str, address: &str, file: &Path) -> Result<()> {
    let mut command = Command::new(program);
    command.args(["-c", include_str!("transfer.py"), address]).arg(file).stdin(Stdio::null());
    let output = command.output().map_err(|e| Error::network(format!("{program} cannot be started ({e}).")))?;
    let cause = String::from_utf8_lossy(&output.stderr);
    let cause = cause.lines().last().unwrap_or_default();
    match output.status.code() {
        Some(0) => Ok(()),
        Some(4) => Err(write_error(file, &cause.parse().map_or_else(|_| std::io::Error::other(cause), std::io::Error::from_raw_os_error))),
        _ => Err(Error::network("The download broke off; what has arrived is kept.").with_detail(cause)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{BufRead, BufReader, Write};
    use std::net::TcpListener;

    /// Serves `content` and breaks off after `portion` bytes of each answer. Returns the address and, once dropped, what ranges were asked for.
    fn server(content: Vec<u8>, portion: usize, ranges: bool, requests: usize) -> (String, std::thread::JoinHandle<Vec<usize>>) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}/file", listener.local_addr().unwrap());
        let served = std::thread::spawn(move || {
            let answer = |_| {
                let (mut stream, _) = listener.accept().unwrap();
                let lines = BufReader::new(stream.try_clone().unwrap()).lines().map(Result::unwrap).take_while(|line| !line.is_empty());
                let range = lines.filter_map(|line| line.strip_prefix("Range: bytes=")?.strip_suffix('-')?.parse::<usize>().ok()).last();
                let from = range.filter(|_| ranges).unwrap_or(0);
                let status = match range {
                    Some(_) if !ranges => "200 OK",
                    Some(from) if from >= content.len() => "416 Range Not Satisfiable",
                    Some(_) => "206 Partial Content",
                    None => "200 OK",
                };
                let rest = content.get(from..).unwrap_or_default();
                write!(stream, "HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", rest.len()).unwrap();
                stream.write_all(&rest[..rest.len().min(portion)]).unwrap();
                range.unwrap_or(0)
            };
            (0..requests).map(answer).collect()
        });
        (address, served)
    }

    fn content() -> Vec<u8> {
        (0..250_000u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as u8).collect()
    }

    #[test]
    fn it_goes_on_where_it_broke_off() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        // Half of the first portion came in an earlier process.
        std::fs::write(&file, &content()[..50_000]).unwrap();
        let (address, served) = server(content(), 100_000, true, 2);
        fetch("python3", &address, &file).unwrap();
        assert!(std::fs::read(&file).unwrap() == content());
        assert_eq!(served.join().unwrap(), [50_000, 150_000]);
        let (address, served) = server(content(), 100_000, true, 1);
        fetch("python3", &address, &file).unwrap();
        assert_eq!(served.join().unwrap(), [250_000], "nothing is missing, and the server says so");
    }

    #[test]
    fn a_server_without_ranges_sends_all_of_it() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        std::fs::write(&file, [7; 5_000]).unwrap();
        let (address, _) = server(content(), usize::MAX, false, 1);
        fetch("python3", &address, &file).unwrap();
        assert!(std::fs::read(&file).unwrap() == content());
    }

    #[test]
    fn what_arrived_before_the_network_went_is_kept() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        // After one answer nobody listens any more.
        let (address, served) = server(content(), 100_000, true, 1);
        let error = fetch("python3", &address, &file).unwrap_err();
        served.join().unwrap();
        assert_eq!(error.code, contract::Code::Network);
        assert!(std::fs::read(&file).unwrap() == content()[..100_000]);
    }

    #[test]
    fn a_file_that_cannot_be_written_is_told_from_the_network() {
        let error = fetch("python3", "http://127.0.0.1:1/file", Path::new("/proc/none/file")).unwrap_err();
        assert_eq!(error.code, contract::Code::Io, "{error}");
    }
}
