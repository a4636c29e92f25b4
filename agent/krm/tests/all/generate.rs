//! Scalars such as people write and such as nobody should, from a seed.

/// A small generator: the same seed, the same scalars, on every machine.
pub(crate) struct Random(u64);

const NUMBERS: &str = "0011223456789.-+_eExXobBaA:TtZz ,";
const WORDS: &[&str] = &[
    "null",
    "Null",
    "~",
    "true",
    "TRUE",
    "False",
    "y",
    "Y",
    "yes",
    "Yes",
    "n",
    "no",
    "on",
    "On",
    "off",
    ".inf",
    "-.Inf",
    ".nan",
    "=",
    "<<",
    "0",
    "-0",
    "0x",
    "0o",
    "1e3",
    "1e400",
    "1e-400",
    "9223372036854775807",
    "9223372036854775808",
    "-9223372036854775809",
    "18446744073709551616",
    "2001-01-01",
    "2001-02-29",
    "2001-12-14t21:59:43.10-05:00",
    "2001-12-14 21:59:43.10",
    "2001-12-14 21:59:43.10 -5",
    "12:30:45",
    "1:60",
    "0x1F",
    "0x_1f",
    "0b101",
    "0o17",
    "0o-17",
    "0b-1",
    "+0x5",
    "1_000",
    "_1",
    ".5",
    ".5e3",
    ".e3",
    ".",
    "...",
    "-",
    "--",
    "---",
    "- a",
    "? a",
    ":",
    ": a",
    "a:",
    "a: b",
    "a #b",
    "a#b",
    "1.",
    "1.10",
    "-1.5e+7",
    "1E5",
    "123456789012345678901234567890",
    "0.000001",
    "1e20",
    "1e21",
    "635978565531531.2",
    "0644",
    "08.5",
    "nginx:1.2",
    "http://x/?a=b&c=d",
    "$(VAR)",
    "100m",
    "1Gi",
    "10%",
    "sha256:0123",
    "v1.2.3",
    "a,b",
];
const CHARACTERS: &[&str] = &[
    " ", " ", "a", "b", "Z", "0", "1", ":", "-", "?", ",", "[", "]", "{", "}", "#", "&", "*", "!",
    "|", ">", "'", "\"", "%", "@", "`", "\\", "/", "=", "<", "~", "+", ".", "_", "é", "漢", "😀",
    "\u{a0}", "\u{2028}", "\u{feff}",
];
const ESCAPES: &[&str] = &[
    "\\n",
    "\\t",
    "\\r",
    "\\0",
    "\\a",
    "\\e",
    "\\x7f",
    "\\x85",
    "\\N",
    "\\_",
    "\\L",
    "\\u00e9",
    "\\ufeff",
    "\\uffff",
    "\\U0001F600",
    "\\\"",
    "\\\\",
    "\\ ",
    "\\/",
    "\\ud800",
];
const TAGS: &[&str] = &[
    "!!str ",
    "!!int ",
    "!!float ",
    "!!bool ",
    "!!null ",
    "!!timestamp ",
    "!!binary ",
    "!foo ",
    "! ",
    "&a ",
];

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }

    /// A scalar; its further lines, if it has any, are indented by `indent`.
    pub(crate) fn scalar(&mut self, indent: usize) -> String {
        let tag = if self.one_in(12) { self.pick(TAGS) } else { "" };
        let text = match self.below(12) {
            0..=5 => self.plain(),
            6..=8 => self.quoted(),
            9 => self.prose(),
            10 => self.over_lines(indent),
            _ => self.block(indent),
        };
        format!("{tag}{text}")
    }

    fn plain(&mut self) -> String {
        match self.below(6) {
            0 | 1 => self.pick(WORDS).to_owned(),
            2 => self.many(12, |random| {
                let at = random.below(NUMBERS.len());
                NUMBERS[at..=at].to_owned()
            }),
            3 => self.many(8, |random| random.pick(CHARACTERS).to_owned()),
            4 => format!("{}{}", self.pick(WORDS), self.pick(WORDS)),
            _ => self.date(),
        }
    }

    fn date(&mut self) -> String {
        let [year, month, day] = [2100, 14, 33].map(|below| self.below(below));
        let [hour, minute, second] = [26, 62, 62].map(|below| self.below(below));
        let joint = self.pick(&["T", "t", " ", "  "]);
        let zone = self.pick(&["", "Z", ".5Z", ".25", "+01:00", "-24:00", ",123Z", "+0100"]);
        format!("{year:04}-{month}-{day}{joint}{hour}:{minute}:{second}{zone}")
    }

    fn prose(&mut self) -> String {
        self.many(40, |random| {
            let odd = random.one_in(15);
            let word = random.many(12, |random| {
                let letter = random.below(26);
                "abcdefghijklmnopqrstuvwxyz"[letter..=letter].to_owned()
            });
            let more = if odd { random.pick(CHARACTERS) } else { "" };
            format!("{word}{more}{}", if random.one_in(9) { "  " } else { " " })
        })
        .trim_end()
        .to_owned()
    }

    fn quoted(&mut self) -> String {
        if self.one_in(2) {
            let text = if self.one_in(2) {
                self.plain()
            } else {
                self.prose()
            };
            return format!("'{}'", text.replace('\'', "''"));
        }
        let text = self.many(30, |random| match random.below(4) {
            0 => random.pick(ESCAPES).to_owned(),
            1 => random.pick(CHARACTERS).replace(['"', '\\'], "x"),
            2 => "word ".to_owned(),
            _ => "a".to_owned(),
        });
        format!("\"{text}\"")
    }

    fn over_lines(&mut self, indent: usize) -> String {
        let text = if self.one_in(2) {
            self.quoted()
        } else {
            self.prose()
        };
        let mut out = String::new();
        for character in text.chars() {
            if character == ' ' && self.one_in(5) {
                out.push_str(self.pick(&["\n", "\n\n", " \n", "\t\n"]));
                out.push_str(&" ".repeat(indent));
            } else {
                out.push(character);
            }
        }
        out
    }

    fn block(&mut self, indent: usize) -> String {
        let header = self.pick(&["|", "|-", "|+", ">", ">-", ">+", "|2", ">2-", "| # note"]);
        let lines = self.many(5, |random| {
            if random.one_in(4) {
                return "\n".to_owned();
            }
            let deeper = if random.one_in(3) { random.below(3) } else { 0 };
            let text = if random.one_in(2) {
                random.plain()
            } else {
                random.prose()
            };
            let end = random.pick(&["", "", "", "", " ", "\t"]);
            format!("\n{}{text}{end}", " ".repeat(indent + deeper))
        });
        format!("{header}{lines}")
    }

    fn many(&mut self, most: usize, mut part: impl FnMut(&mut Self) -> String) -> String {
        let count = self.below(most) + 1;
        (0..count).map(|_| part(self)).collect()
    }

    fn pick<'a>(&mut self, from: &[&'a str]) -> &'a str {
        from[self.below(from.len())]
    }

    fn one_in(&mut self, count: usize) -> bool {
        self.below(count) == 0
    }

    /// Xorshift; good enough to pick scalars.
    pub(crate) fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        let high = usize::try_from(self.0 >> 33).expect("31 bits because of the shift");
        high % limit
    }
}
