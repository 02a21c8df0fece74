//! The `sliproad` program.

/// Many small allocations on the path of every call: the default allocator costs more.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> std::process::ExitCode {
    sliproad::cli::main()
}
