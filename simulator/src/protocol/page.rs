//! Pages of a listing, with opaque tokens.

use crate::world::Settings;

/// One page.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Page<T> {
    /// Its items.
    pub(crate) items: Vec<T>,
    /// Where the next one begins; `None` on the last.
    pub(crate) next: Option<String>,
}

/// The token is none of ours.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct BadToken;

/// Cuts a page of at most `wanted` items (and of at most the scenario's page size) from where `token` says.
pub(crate) fn cut<T>(
    items: Vec<T>,
    token: Option<&str>,
    wanted: usize,
    settings: &Settings,
) -> Result<Page<T>, BadToken> {
    if settings.empty_first_page && token.is_none() && !items.is_empty() {
        return Ok(Page { items: Vec::new(), next: Some(write(0)) });
    }
    let start = token.map_or(Ok(0), read)?;
    if start > items.len() {
        return Err(BadToken);
    }
    let size = wanted.min(settings.page_size.unwrap_or(usize::MAX)).max(1);
    let end = start.saturating_add(size);
    let next = (end < items.len()).then(|| write(end));
    Ok(Page { items: items.into_iter().skip(start).take(size).collect(), next })
}

/// Tokens look opaque, so that nobody comes to compute them.
fn write(position: usize) -> String {
    crate::crypto::hex(format!("next:{position:06}").as_bytes())
}

fn read(token: &str) -> Result<usize, BadToken> {
    (0..token.len().min(64))
        .step_by(2)
        .map(|at| token.get(at..at + 2).and_then(|pair| u8::from_str_radix(pair, 16).ok()))
        .collect::<Option<Vec<u8>>>()
        .and_then(|bytes| String::from_utf8(bytes).ok())
        .and_then(|text| text.strip_prefix("next:")?.parse().ok())
        .ok_or(BadToken)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_add_up_to_the_whole() {
        let settings = Settings { page_size: Some(2), empty_first_page: true, ..Settings::default() };
        let (mut seen, mut token, mut pages) = (Vec::new(), None, 0);
        loop {
            let page = cut(vec![1, 2, 3, 4, 5], token.as_deref(), 100, &settings).unwrap();
            seen.extend(page.items);
            pages += 1;
            token = page.next;
            if token.is_none() {
                break;
            }
        }
        assert_eq!((seen, pages), (vec![1, 2, 3, 4, 5], 4));
        assert_eq!(cut(vec![1], Some("zz"), 1, &settings), Err(BadToken));
        assert_eq!(cut(vec![1], Some(&write(9)), 1, &settings), Err(BadToken));
    }
}
