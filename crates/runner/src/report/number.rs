//! Numbers as people read them. Text only.

use std::time::Duration;

/// A count or an amount: groups of three, at most one digit behind the point.
pub(crate) fn amount(value: f64) -> String {
    if !value.is_finite() {
        return "–".to_owned();
    }
    // An empty sum is a negative zero.
    let value = value + 0.0;
    let rounded = if value.fract() == 0.0 || value.abs() >= 1000.0 {
        format!("{value:.0}")
    } else if value.abs() >= 1.0 {
        format!("{value:.1}")
    } else {
        format!("{value:.3}")
    };
    let (sign, digits) = rounded.strip_prefix('-').map_or(("", &*rounded), |rest| ("−", rest));
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let mut grouped = String::new();
    for (index, digit) in whole.chars().enumerate() {
        if index > 0 && (whole.len() - index).is_multiple_of(3) {
            grouped.push('\u{202f}');
        }
        grouped.push(digit);
    }
    let point = if fraction.is_empty() { "" } else { "." };
    format!("{sign}{grouped}{point}{fraction}")
}

/// A part of a whole in per cent, with two digits that say something.
pub(crate) fn share(part: f64) -> String {
    let percent = part * 100.0;
    let digits = match percent {
        p if p >= 10.0 || p == 0.0 => 0,
        p if p >= 1.0 => 1,
        p if p >= 0.1 => 2,
        p if p >= 0.01 => 3,
        _ => 4,
    };
    format!("{percent:.digits$} %")
}

/// A duration from nanoseconds.
pub(crate) fn nanos(ns: f64) -> String {
    let (value, unit) = match ns.abs() {
        n if n < 1e3 => (ns, "ns"),
        n if n < 1e6 => (ns / 1e3, "µs"),
        n if n < 1e9 => (ns / 1e6, "ms"),
        _ => (ns / 1e9, "s"),
    };
    let digits = usize::from(value.abs() < 10.0) + usize::from(value.abs() < 100.0);
    format!("{value:.digits$} {unit}")
}

/// A duration.
pub(crate) fn time(duration: Duration) -> String {
    let seconds = duration.as_secs_f64();
    match duration.as_secs() {
        0..60 => format!("{seconds:.1} s"),
        60..3600 => format!("{} min {} s", duration.as_secs() / 60, duration.as_secs() % 60),
        whole => format!("{} h {} min", whole / 3600, whole % 3600 / 60),
    }
}

/// An amount of bytes.
pub(crate) fn bytes(mut value: f64) -> String {
    let mut unit = "B";
    for larger in ["KiB", "MiB", "GiB", "TiB"] {
        if value.abs() < 1024.0 {
            break;
        }
        (value, unit) = (value / 1024.0, larger);
    }
    let digits = usize::from(unit != "B");
    format!("{value:.digits$} {unit}")
}

/// A change in per cent, with its sign.
pub(crate) fn percent(value: f64) -> String {
    let sign = if value > 0.0 {
        "+"
    } else if value < 0.0 {
        "−"
    } else {
        ""
    };
    format!("{sign}{:.1} %", value.abs())
}

#[cfg(test)]
mod tests {
    use super::{amount, bytes, nanos, percent, time};
    use std::time::Duration;

    #[test]
    fn numbers_are_short_and_have_their_unit() {
        assert_eq!(amount(1_234_567.0), "1\u{202f}234\u{202f}567");
        assert_eq!(
            (amount(0.0), amount(-12.34), amount(0.5)),
            ("0".into(), "−12.3".into(), "0.500".into())
        );
        assert_eq!((amount(f64::NAN), amount(-0.0)), ("–".into(), "0".into()));
        assert_eq!((nanos(950.0), nanos(1500.0)), ("950 ns".into(), "1.50 µs".into()));
        assert_eq!((nanos(2.5e6), nanos(61e9)), ("2.50 ms".into(), "61.0 s".into()));
        assert_eq!(time(Duration::from_millis(1500)), "1.5 s");
        assert_eq!(time(Duration::from_secs(3725)), "1 h 2 min");
        assert_eq!((bytes(512.0), bytes(1536.0)), ("512 B".into(), "1.5 KiB".into()));
        assert_eq!((percent(4.2), percent(-0.5)), ("+4.2 %".into(), "−0.5 %".into()));
    }
}
