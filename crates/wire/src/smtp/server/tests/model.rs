//! Every sequence of commands against a model of what must be answered.

use proptest::prelude::*;

use super::{Caller, profile};

/// The state that the model keeps: enough to say the code of every reply.
#[derive(Clone, Copy, Default)]
struct Model {
    hello: bool,
    tls: bool,
    user: bool,
    /// Recipients, and whether chunks have begun.
    transaction: Option<(u32, bool)>,
    over: bool,
}

const COMMANDS: [&str; 19] = [
    "EHLO a\r\n",
    "MAIL FROM:<a@example.org>\r\n",
    "MAIL FROM:<a@\r\n",
    "RCPT TO:<b@example.org>\r\n",
    "RCPT TO:<nobody@example.org>\r\n",
    "DATA good",
    "DATA unwanted",
    "DATA smuggled",
    "BDAT 3\r\nabc",
    "BDAT 3 LAST\r\nabc",
    "BDAT 8 LAST\r\nunwanted",
    "BDAT 3 LAST\r\na\0c",
    "RSET\r\n",
    "NOOP\r\n",
    "VRFY a\r\n",
    "STARTTLS\r\n",
    "AUTH PLAIN AGFubmEAc2VjcmV0\r\n",
    "QUIT\r\n",
    "FOO\r\n",
];

impl Model {
    fn code(&mut self, command: usize) -> u16 {
        if self.over {
            return 0;
        }
        match command {
            0 => {
                self.hello = true;
                self.transaction = None;
                250
            }
            1 if !self.hello || self.transaction.is_some() => 503,
            1 => {
                self.transaction = Some((0, false));
                250
            }
            2 => 501,
            3 | 4 => match &mut self.transaction {
                None | Some((_, true)) => 503,
                Some(_) if command == 4 => 550,
                Some((recipients, false)) => {
                    *recipients += 1;
                    250
                }
            },
            5..=7 => match self.transaction {
                None | Some((0, _)) => 503,
                Some((_, true)) => {
                    self.transaction = None;
                    503
                }
                Some(_) => {
                    self.transaction = None;
                    self.over = command == 7;
                    [250, 451, 550][command - 5]
                }
            },
            8..=11 => match self.transaction {
                None | Some((0, _)) => {
                    self.transaction = None;
                    503
                }
                Some((recipients, _)) => {
                    self.transaction = (command == 8).then_some((recipients, true));
                    [250, 250, 451, 550][command - 8]
                }
            },
            12 => {
                self.transaction = None;
                250
            }
            13 => 250,
            14 => 252,
            15 if self.tls || !self.hello || self.transaction.is_some() => 503,
            15 => {
                *self = Model { tls: true, ..Model::default() };
                220
            }
            16 if !self.hello || self.user || self.transaction.is_some() => 503,
            16 => {
                self.user = true;
                235
            }
            17 => {
                self.over = true;
                self.transaction = None;
                221
            }
            _ => 500,
        }
    }
}

fn run_one(caller: &mut Caller, command: usize) -> u16 {
    match COMMANDS[command].strip_prefix("DATA ") {
        None => caller.code(COMMANDS[command].as_bytes()),
        Some(content) => match caller.code(b"DATA\r\n") {
            354 if content == "smuggled" => caller.code(b"x\n.\nMAIL FROM:<evil@example.org>\r\n.\r\n"),
            354 => caller.code(format!("{content}\r\n.\r\n").as_bytes()),
            code => code,
        },
    }
}

/// H15: whatever the order of commands, a transaction never outlives its content, an error or a boundary.
// proves: H15
#[test]
fn every_sequence_of_four_commands_does_as_the_model_says() {
    let count = COMMANDS.len();
    for number in 0..2 * count.pow(4) {
        let (greeted, number) = (number % 2 == 0, number / 2);
        let sequence =
            [number / count.pow(3), number / count.pow(2) % count, number / count % count, number % count];
        let (mut caller, mut model) = (Caller::new(profile()), Model::default());
        if greeted {
            (model.hello, _) = (true, caller.say(b"EHLO a\r\n"));
        }
        for (at, &command) in sequence.iter().enumerate() {
            let (expected, got) = (model.code(command), run_one(&mut caller, command));
            assert_eq!(got, expected, "{:?}, at {at}", sequence.map(|c| COMMANDS[c]));
            let kept = caller.session.transaction().is_some();
            assert_eq!(kept, model.transaction.is_some(), "{:?}, at {at}", sequence.map(|c| COMMANDS[c]));
        }
    }
}

proptest! {
    /// However the bytes are cut, and whatever they are, the replies are the same and nothing panics.
    #[test]
    fn cuts_do_not_matter(
        commands in prop::collection::vec(0..COMMANDS.len(), 0..12),
        rubbish in prop::collection::vec(any::<u8>(), 0..20),
        cut in 1_usize..40,
    ) {
        let mut stream = b"EHLO a\r\n".to_vec();
        for command in commands {
            stream.extend_from_slice(COMMANDS[command].replace(" good", "\r\n.\r\n").as_bytes());
        }
        stream.extend(rubbish);
        // One write for each line, or for each piece of one: the points where a client must wait stay where they are.
        let by_line = stream.split_inclusive(|&b| b == b'\n');
        let mut whole = Caller::new(profile());
        let replies: Vec<String> = by_line.clone().map(|line| whole.say(line)).collect();
        let mut cut_up = Caller::new(profile());
        let cut_replies: Vec<String> =
            by_line.map(|line| line.chunks(cut).map(|piece| cut_up.say(piece)).collect()).collect();
        prop_assert_eq!(replies, cut_replies);
        prop_assert_eq!(whole.taken, cut_up.taken);
    }
}
