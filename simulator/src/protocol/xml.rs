//! A writer of small XML documents.

/// XML under construction; text is escaped.
#[derive(Debug, Default)]
pub(crate) struct Xml(String);

impl Xml {
    /// An empty fragment.
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// An element with text.
    pub(crate) fn text(&mut self, name: &str, value: &str) -> &mut Self {
        self.element(name, |xml| xml.escaped(value))
    }

    /// An element with text, if there is any.
    pub(crate) fn maybe(&mut self, name: &str, value: Option<&str>) -> &mut Self {
        if let Some(value) = value {
            self.text(name, value);
        }
        self
    }

    /// An element with others inside.
    pub(crate) fn element(&mut self, name: &str, inside: impl FnOnce(&mut Xml)) -> &mut Self {
        self.0.push_str(&format!("<{name}>"));
        inside(self);
        // Attributes stand in the opening tag only.
        let name = name.split(' ').next().unwrap_or(name);
        self.0.push_str(&format!("</{name}>"));
        self
    }

    /// A fragment that is XML already.
    pub(crate) fn raw(&mut self, fragment: &Xml) -> &mut Self {
        self.0.push_str(&fragment.0);
        self
    }

    /// The document, with its declaration.
    pub(crate) fn document(&self) -> String {
        format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n{}", self.0)
    }

    /// The fragment itself.
    pub(crate) fn fragment(&self) -> &str {
        &self.0
    }

    fn escaped(&mut self, value: &str) {
        for character in value.chars() {
            match character {
                '&' => self.0.push_str("&amp;"),
                '<' => self.0.push_str("&lt;"),
                '>' => self.0.push_str("&gt;"),
                '"' => self.0.push_str("&quot;"),
                '\r' => self.0.push_str("&#13;"),
                // Other control characters cannot be written in XML 1.0 at all.
                c if c.is_control() && c != '\n' && c != '\t' => self.0.push('\u{fffd}'),
                c => self.0.push(c),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Xml;

    #[test]
    fn text_is_escaped_and_elements_close() {
        let mut xml = Xml::new();
        xml.element("A xmlns=\"x\"", |xml| {
            xml.text("B", "<&>\u{1}").maybe("C", None);
        });
        assert_eq!(xml.fragment(), "<A xmlns=\"x\"><B>&lt;&amp;&gt;\u{fffd}</B></A>");
    }
}
