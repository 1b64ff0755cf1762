//! When to ask again: exponential backoff with full jitter, and what the endpoint itself asks for.
use httpdate::parse_http_date;
use reqwest::header::HeaderMap;
use std::time::{Duration, SystemTime};

/// Longest first wait, which doubles with every failure.
const FIRST: Duration = Duration::from_millis(500);
/// Longest wait that is not the endpoint's own wish.
const LONGEST: Duration = Duration::from_secs(30);

/// How long to wait after the `failed`th failure (from 1) of a request. `chance` in [0, 1) spreads those who fail together; what the endpoint
/// asks for is waited for in full, and a little more by the same chance.
pub fn pause(failed: u32, asked: Option<Duration>, chance: f64) -> Duration {
    let most = FIRST.saturating_mul(1 << failed.saturating_sub(1).min(16)).min(LONGEST);
    match asked {
        Some(asked) => asked + FIRST.mul_f64(chance),
        None => most.mul_f64(chance),
    }
}

/// How long the endpoint asks to wait: `retry-after-ms`, `retry-after` in seconds or as a date, by the endpoint's own clock where it tells the time.
pub fn asked(headers: &HeaderMap) -> Option<Duration> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).map(str::trim);
    let number = |name: &str, unit: f64| text(name).and_then(|text| text.parse::<f64>().ok()).and_then(|n| seconds(n * unit));
    let date = |name: &str| text(name).and_then(|text| parse_http_date(text).ok());
    let until = || date("retry-after")?.duration_since(date("date").unwrap_or_else(SystemTime::now)).ok();
    number("retry-after-ms", 1e-3).or_else(|| number("retry-after", 1.0)).or_else(|| until().and_then(|wait| seconds(wait.as_secs_f64())))
}

/// How long nothing may be asked, where an answer says that what is allowed is used up: `x-ratelimit-remaining-…: 0` with `x-ratelimit-reset-…`.
pub fn used_up(headers: &HeaderMap) -> Option<Duration> {
    let text = |name: String| headers.get(name).and_then(|value| value.to_str().ok()).map(str::trim);
    let of = |what: &str| {
        let is_used_up = text(format!("x-ratelimit-remaining-{what}")) == Some("0");
        is_used_up.then(|| text(format!("x-ratelimit-reset-{what}")).and_then(duration)).flatten()
    };
    ["requests", "tokens"].into_iter().filter_map(of).max()
}

/// `1h2m3.5s`, `20ms`, or plain seconds.
fn duration(text: &str) -> Option<Duration> {
    if let Ok(plain) = text.parse::<f64>() {
        return seconds(plain);
    }
    let (mut total, mut rest) = (0.0, text);
    while !rest.is_empty() {
        let end = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let number: f64 = rest[..end].parse().ok()?;
        let after = &rest[end..];
        let (unit, length) = match after {
            _ if after.starts_with("ms") => (1e-3, 2),
            _ if after.starts_with('s') => (1.0, 1),
            _ if after.starts_with('m') => (60.0, 1),
            _ if after.starts_with('h') => (3600.0, 1),
            _ => return None,
        };
        total += number * unit;
        rest = &after[length..];
    }
    seconds(total)
}

/// None for what is no length of time, or longer than a week.
fn seconds(number: f64) -> Option<Duration> {
    Duration::try_from_secs_f64(number).ok().filter(|length| length.as_secs() <= 7 * 86_400)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect()
    }

    #[test]
    fn waits_double_up_to_a_bound_and_are_spread_over_all_of_it() {
        let most = |failed| pause(failed, None, 1.0);
        assert_eq!([most(1), most(2), most(3)], [500, 1000, 2000].map(Duration::from_millis));
        assert_eq!((most(20), most(1000)), (LONGEST, LONGEST));
        assert_eq!(pause(3, None, 0.0), Duration::ZERO);
        assert!(pause(1, Some(Duration::from_secs(7)), 0.0) >= Duration::from_secs(7), "never before it was asked to");
    }

    #[test]
    fn what_the_endpoint_asks_for_is_read() {
        assert_eq!(asked(&headers(&[("retry-after", "2")])), Some(Duration::from_secs(2)));
        assert_eq!(asked(&headers(&[("retry-after", "9"), ("retry-after-ms", "1500")])), Some(Duration::from_millis(1500)));
        assert_eq!(asked(&headers(&[("retry-after", "-1")])), None);
        assert_eq!(asked(&headers(&[("retry-after", "soon")])), None);
        let at = |date, until| asked(&headers(&[("date", date), ("retry-after", until)]));
        let (noon, later) = ("Fri, 27 Nov 2026 12:00:00 GMT", "Fri, 27 Nov 2026 12:01:30 GMT");
        assert_eq!((at(noon, later), at(later, noon)), (Some(Duration::from_secs(90)), None));
        assert_eq!(asked(&headers(&[("retry-after", "Mon, 01 Jan 2001 00:00:00 GMT")])), None, "long gone by the clock of this machine");
        let left = |value| headers(&[("x-ratelimit-remaining-requests", value), ("x-ratelimit-reset-requests", "1m2.5s")]);
        assert_eq!(used_up(&left("0")), Some(Duration::from_millis(62_500)));
        assert_eq!(used_up(&left("3")), None);
        assert_eq!(duration("20ms"), Some(Duration::from_millis(20)));
        assert_eq!((duration("1h"), duration("4"), duration("4x"), duration("")), (seconds(3600.0), seconds(4.0), None, seconds(0.0)));
    }
}
