//! The piece of text that a hit shows.

/// Characters before the term.
const BEFORE: i32 = 60;
/// Characters at the most.
const LENGTH: usize = 160;

/// Cuts a snippet out of `piece`, the text from a little before the term on,
/// which stands at `place` of the whole (from 1; 0 if it is not there as
/// written). What is left out is shown by an ellipsis.
#[must_use]
pub fn of(place: i32, piece: &str) -> String {
    let is_cut_before = place > BEFORE + 1;
    let is_cut_after = piece.chars().count() > LENGTH;
    let mut text: String = piece.chars().take(LENGTH).collect();
    if is_cut_before {
        text = text.split_once(' ').map_or(text.clone(), |(_, rest)| rest.to_owned());
    }
    if is_cut_after && let Some((kept, _)) = text.rsplit_once(' ') {
        text = kept.to_owned();
    }
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let (before, after) =
        (if is_cut_before { "…" } else { "" }, if is_cut_after { "…" } else { "" });
    format!("{before}{text}{after}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_short_text_is_shown_whole() {
        assert_eq!(of(5, "the budget\nof spring"), "the budget of spring");
    }

    #[test]
    fn a_long_text_is_cut_between_words_on_both_sides() {
        let piece = format!("alf {} half", "word ".repeat(40));

        let snippet = of(300, &piece);

        assert!(snippet.starts_with("…word") && snippet.ends_with("word…"), "{snippet}");
        assert!(snippet.chars().count() <= LENGTH + 2);
    }

    #[test]
    fn a_text_without_spaces_is_cut_anywhere() {
        assert!(of(1, &"预".repeat(200)).ends_with("预…"));
    }
}
