//! The `sliproad` program.
#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    tracing_subscriber::fmt().with_writer(std::io::stderr).init();
    let args: Vec<String> = std::env::args().collect();
    match args[1].as_str() {
        "double" => sliproad::demo::double::run(None).await,
        "serve" => sliproad::app::serve(sliproad::config::Config::load(std::path::Path::new(&args[3]))?).await,
        "evidence" if args[2] == "export" => {
            let config = sliproad::config::Config::load(std::path::Path::new(&args[4]))?;
            let signer = sliproad::app::signer(&config.store.path)?;
            let log = sliproad::app::evidence_directory(&config.store.path);
            let n = sliproad::evidence::export(&log, std::path::Path::new(&args[6]), &signer, sliproad::env::Clock::system().now()).await?;
            println!("{n} records exported");
            Ok(())
        }
        "evidence" => {
            let v = sliproad::evidence::verify(std::path::Path::new(&args[3]))?;
            println!("{v:?}");
            if v.broken.is_some() { std::process::exit(1) }
            Ok(())
        }
        _ => sliproad::demo::run(sliproad::demo::DemoOptions::default()).await,
    }
}
