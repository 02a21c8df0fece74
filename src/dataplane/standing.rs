//! Before anything is decided: where the transfer stands by what other replicas committed. What one of them acknowledged, the very next
//! call at another one knows.

use super::Inner;
use super::assets::AssetError;
use super::live::Live;
use super::refusal::Refusal;

/// Takes over what other replicas committed. Nothing is asked where there are none.
///
/// # Errors
/// 503 when nobody can tell now.
pub(super) async fn learn(plane: &Inner, live: &Live) -> Result<(), Refusal> {
    let Some(standings) = &plane.standings else { return Ok(()) };
    let standing = standings.of(&live.transfer).await.map_err(|e| unknown(live, &e))?;
    if standing.version > live.version() {
        let transfer = plane.assets.transfer(&live.transfer).await.map_err(|e| unknown(live, &e))?;
        let gone = || AssetError::Gone("the token's transfer is not known here".to_owned());
        let transfer = transfer.ok_or_else(gone).map_err(|e| unknown(live, &e))?;
        plane.live.put(&transfer, plane.assets.as_ref()).map_err(|e| unknown(live, &e))?;
    }
    live.hear(standing.news);
    Ok(())
}

fn unknown(live: &Live, error: &AssetError) -> Refusal {
    match error {
        AssetError::Gone(sentence) => Refusal::unauthorized("token.no-transfer", sentence.as_str()),
        AssetError::Unavailable(sentence) => {
            Refusal::unavailable("transfer.unavailable", "the transfer cannot be looked up now; try again")
                .caused_by(format_args!("transfer {}: {sentence}", live.transfer))
        }
    }
}
