//! How long the window's questions take on a database: `answers FILE`, once cold and then the middle of nine.
#![allow(clippy::print_stdout, clippy::unwrap_used)] // a benchmark
use desk::Desk;
use home::Home;
use std::path::PathBuf;
use std::time::Instant;

macro_rules! time {
    ($what:expr, $question:expr) => {{
        let mut seconds = Vec::new();
        let mut bytes = 0;
        for _ in 0..10 {
            let begun = Instant::now();
            // With the JSON that crosses to the pages.
            bytes = serde_json::to_vec(&$question.await.unwrap()).unwrap().len();
            seconds.push(begun.elapsed().as_secs_f64());
        }
        let first = seconds.remove(0);
        seconds.sort_by(f64::total_cmp);
        println!("{:<24} {:>8.1} {:>8.1} {:>10}", $what, 1e3 * first, 1e3 * seconds[4], bytes / 1024);
    }};
}

#[tokio::main]
async fn main() {
    let file = PathBuf::from(std::env::args_os().nth(1).unwrap());
    let desk = Desk::new(Home::find().unwrap(), Some(file), "alignpro".into());
    println!("{:<24} {:>8} {:>8} {:>10}", "question", "first ms", "ms", "KiB");
    time!("runs", desk.runs());
    time!("run", desk.run(50));
    time!("samples", desk.samples(50));
    time!("episodes", desk.episodes(50, 400));
    time!("news from the beginning", desk.news(50, 0));
    desk.close().await;
}
