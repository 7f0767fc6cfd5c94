//! `waypost completion` and `waypost man`: the command line written down for shells and for readers.

use std::path::{Path, PathBuf};

use clap_complete::Shell;

use crate::desk::print;
use crate::failure::Failure;

/// For which shell.
#[derive(clap::Args, Debug)]
pub struct CompletionArgs {
    /// The shell.
    #[arg(value_name = "SHELL")]
    shell: Shell,
}

/// Where the pages go.
#[derive(clap::Args, Debug)]
pub struct ManArgs {
    /// The directory, such as `/usr/local/share/man/man1`; made if it is not there.
    #[arg(value_name = "DIRECTORY")]
    directory: PathBuf,
}

/// Prints the completion.
pub(crate) fn completion(command: &mut clap::Command, args: &CompletionArgs) -> Result<(), Failure> {
    let mut text = Vec::new();
    clap_complete::generate(args.shell, command, "waypost", &mut text);
    let text = String::from_utf8(text).map_err(|_| Failure::failed("the completion is no text"))?;
    print(&text);
    Ok(())
}

/// Writes a page for the program and each of its commands.
pub(crate) fn man(command: clap::Command, args: &ManArgs) -> Result<(), Failure> {
    let directory = &args.directory;
    let cannot = |error: std::io::Error| {
        Failure::failed(format!("cannot write into {}: {error}", directory.display()))
    };
    std::fs::create_dir_all(directory).map_err(cannot)?;
    let pages = pages(command, directory).map_err(cannot)?;
    print(&format!("{pages} pages in {}\n", directory.display()));
    Ok(())
}

fn pages(command: clap::Command, directory: &Path) -> std::io::Result<usize> {
    let command = command.disable_help_subcommand(true);
    let pages = count(&command);
    clap_mangen::generate_to(command, directory)?;
    Ok(pages)
}

fn count(command: &clap::Command) -> usize {
    1 + command.get_subcommands().map(count).sum::<usize>()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_is_a_page_for_each_command() {
        let directory = tempfile::tempdir().unwrap();
        let sub =
            clap::Command::new("queue").about("See it").subcommand(clap::Command::new("list").about("All"));
        let command = clap::Command::new("waypost").about("A mail router").subcommand(sub);
        assert_eq!(pages(command, directory.path()).unwrap(), 3);
        let page = std::fs::read_to_string(directory.path().join("waypost-queue-list.1")).unwrap();
        assert!(page.contains("All"), "{page}");
    }
}
