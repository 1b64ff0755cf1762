//! A download with pip's session that goes on where it broke off, in this process or a later one.
use super::pip::Wheel;
use contract::{Error, Result};
use home::write_error;
use std::path::Path;
use std::process::{Command, Stdio};

/// Appends to `file` what it lacks of `wheel`, with the pip of the Python `program` and options of pip. What has arrived stays in `file`, also
/// after an error. Blocks; quiet. The caller checks the content.
pub fn fetch(program: &str, wheel: &Wheel, options: &[&str], file: &Path) -> Result<()> {
    let mut command = Command::new(program);
    command.args(["-c", include_str!("transfer.py"), wheel.package, wheel.file]).arg(file).args(options).stdin(Stdio::null());
    let output = command.output().map_err(|e| Error::network(format!("{program} cannot be started ({e}).")))?;
    let cause = String::from_utf8_lossy(&output.stderr);
    let cause = cause.lines().last().unwrap_or_default();
    match output.status.code() {
        Some(0) => Ok(()),
        Some(4) => Err(write_error(file, &cause.parse().map_or_else(|_| std::io::Error::other(cause), std::io::Error::from_raw_os_error))),
        _ => {
            let message =
                format!("The download of {} broke off. Run the same command again: it goes on with what has arrived.", wheel.file);
            Err(Error::network(message).with_detail(cause))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{BufRead, BufReader, Write};
    use std::net::{TcpListener, TcpStream};

    const WHEEL: Wheel = Wheel { package: "p", version: "1", file: "p-1-py3-none-any.whl", sha256: "" };

    /// An index with one wheel, whose transfers break off.
    struct Server {
        content: Vec<u8>,
        /// Bytes after which each transfer breaks off.
        portion: usize,
        /// Whether it can begin in the middle.
        ranges: bool,
    }

    impl Server {
        /// Serves so many transfers, then is gone. The address, and where each transfer was asked to begin.
        fn start(self, transfers: usize) -> (String, std::thread::JoinHandle<Vec<usize>>) {
            let listener = TcpListener::bind("127.0.0.1:0").unwrap();
            let address = format!("http://{}/", listener.local_addr().unwrap());
            let served = std::thread::spawn(move || {
                let mut begins = Vec::new();
                while begins.len() < transfers {
                    begins.extend(self.answer(listener.accept().unwrap().0));
                }
                begins
            });
            (address, served)
        }

        /// Answers one request; where it was to begin, if it was for the wheel.
        fn answer(&self, mut stream: TcpStream) -> Option<usize> {
            let lines = BufReader::new(stream.try_clone().unwrap()).lines().map(Result::unwrap).take_while(|line| !line.is_empty());
            let lines: Vec<_> = lines.collect();
            if !lines[0].contains(WHEEL.file) {
                let page = format!("<!DOCTYPE html><html><body><a href=\"{0}\">{0}</a></body></html>", WHEEL.file);
                let head = format!("HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: {}\r\nConnection: close", page.len());
                write!(stream, "{head}\r\n\r\n{page}").unwrap();
                return None;
            }
            let range = lines.iter().find_map(|line| line.strip_prefix("Range: bytes=")?.strip_suffix('-')?.parse::<usize>().ok());
            let status = match range.filter(|_| self.ranges) {
                Some(from) if from >= self.content.len() => "416 Range Not Satisfiable",
                Some(_) => "206 Partial Content",
                None => "200 OK",
            };
            let rest = self.content.get(range.filter(|_| self.ranges).unwrap_or(0)..).unwrap_or_default();
            write!(stream, "HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", rest.len()).unwrap();
            stream.write_all(&rest[..rest.len().min(self.portion)]).unwrap();
            Some(range.unwrap_or(0))
        }
    }

    fn content() -> Vec<u8> {
        (0..250_000u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as u8).collect()
    }

    fn fetch_from(address: &str, file: &Path) -> Result<()> {
        fetch("python3", &WHEEL, &["--no-index", "--find-links", address], file)
    }

    #[test]
    fn it_goes_on_where_it_broke_off() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        // Half of the first portion came in an earlier process.
        std::fs::write(&file, &content()[..50_000]).unwrap();
        let (address, served) = Server { content: content(), portion: 100_000, ranges: true }.start(2);
        fetch_from(&address, &file).unwrap();
        assert!(std::fs::read(&file).unwrap() == content());
        assert_eq!(served.join().unwrap(), [50_000, 150_000]);
        let (address, served) = Server { content: content(), portion: 100_000, ranges: true }.start(1);
        fetch_from(&address, &file).unwrap();
        assert_eq!(served.join().unwrap(), [250_000], "nothing is missing, and the server says so");
    }

    #[test]
    fn a_server_without_ranges_sends_all_of_it() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        std::fs::write(&file, [7; 5_000]).unwrap();
        let (address, _) = Server { content: content(), portion: usize::MAX, ranges: false }.start(1);
        fetch_from(&address, &file).unwrap();
        assert!(std::fs::read(&file).unwrap() == content());
    }

    #[test]
    fn what_arrived_before_the_network_went_is_kept() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        let (address, served) = Server { content: content(), portion: 100_000, ranges: true }.start(1);
        let error = fetch_from(&address, &file).unwrap_err();
        served.join().unwrap();
        assert_eq!(error.code, contract::Code::Network);
        assert!(std::fs::read(&file).unwrap() == content()[..100_000]);
    }

    #[test]
    fn a_file_that_cannot_be_written_is_told_from_the_network() {
        let (address, _) = Server { content: content(), portion: 0, ranges: true }.start(1);
        let error = fetch_from(&address, Path::new("/proc/none/file")).unwrap_err();
        assert_eq!(error.code, contract::Code::Io, "{error}");
    }
}
