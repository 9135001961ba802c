//! Plots: bars beside each other, as SVG.

use std::fmt::Write as _;

const WIDTH: f64 = 760.0;
const LEFT: f64 = 170.0;
const RIGHT: f64 = 90.0;
const TOP: f64 = 48.0;
const BAR: f64 = 13.0;
const GAP: f64 = 14.0;
const COLOURS: [&str; 3] = ["#2f6f4f", "#c2703d", "#8a8f98"];

/// A row of bars.
#[derive(Clone, Debug)]
pub struct Row {
    /// What it is.
    pub name: String,
    /// A bar each; what was not measured is no number.
    pub values: Vec<f64>,
}

/// Horizontal bars, a group a row, a colour a series.
pub fn bars(title: &str, unit: &str, series: &[&str], rows: &[Row]) -> String {
    let most = rows.iter().flat_map(|row| &row.values).copied().filter(|value| value.is_finite());
    let most = most.fold(f64::MIN_POSITIVE, f64::max);
    let group = BAR * series.len() as f64 + GAP;
    let height = TOP + group * rows.len() as f64 + 12.0;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height:.0}\" \
         font-family=\"system-ui, sans-serif\" font-size=\"12\">\n\
         <rect width=\"100%\" height=\"100%\" fill=\"#ffffff\"/>\n\
         <text x=\"12\" y=\"20\" font-size=\"15\" font-weight=\"600\">{title}</text>\n"
    );
    for (at, name) in series.iter().enumerate() {
        let x = LEFT + 130.0 * at as f64;
        let colour = COLOURS[at % COLOURS.len()];
        let _ = writeln!(
            svg,
            "<rect x=\"{x}\" y=\"29\" width=\"10\" height=\"10\" fill=\"{colour}\"/>\
             <text x=\"{}\" y=\"38\">{name}</text>",
            x + 15.0
        );
    }
    for (place, row) in rows.iter().enumerate() {
        let top = TOP + group * place as f64;
        let middle = top + BAR * series.len() as f64 / 2.0 + 4.0;
        let _ = writeln!(
            svg,
            "<text x=\"{}\" y=\"{middle:.1}\" text-anchor=\"end\">{}</text>",
            LEFT - 8.0,
            row.name
        );
        for (at, value) in row.values.iter().enumerate().filter(|(_, value)| value.is_finite()) {
            let y = top + BAR * at as f64;
            let width = ((WIDTH - LEFT - RIGHT) * value / most).max(1.0);
            let colour = COLOURS[at % COLOURS.len()];
            let _ = writeln!(
                svg,
                "<rect x=\"{LEFT}\" y=\"{y:.1}\" width=\"{width:.1}\" height=\"{}\" \
                 fill=\"{colour}\"/><text x=\"{:.1}\" y=\"{:.1}\">{} {unit}</text>",
                BAR - 2.0,
                LEFT + width + 5.0,
                y + 9.5,
                short(*value)
            );
        }
    }
    svg.push_str("</svg>\n");
    svg
}

/// As many digits as say something.
pub fn short(value: f64) -> String {
    match value {
        _ if !value.is_finite() => "–".to_owned(),
        _ if value >= 100.0 => format!("{value:.0}"),
        _ if value >= 10.0 => format!("{value:.1}"),
        _ if value >= 1.0 => format!("{value:.2}"),
        _ => format!("{value:.3}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_not_measured_has_no_bar() {
        let row = Row { name: "get".into(), values: vec![1.0, f64::NAN] };

        let svg = bars("CPU", "ms", &["Sayso", "peer"], &[row]);

        assert_eq!(svg.matches("fill=\"#2f6f4f\"").count(), 2, "the key and a bar");
        assert_eq!(svg.matches("fill=\"#c2703d\"").count(), 1, "the key alone");
        assert!(!svg.contains("NaN"), "{svg}");
    }
}
