//! How many transfers a consumer may have.

use super::*;
use crate::model::message::TransferBody;

fn request(agreement: &AgreementId, pid: &str) -> Inbound<TransferMessage> {
    let body = TransferBody::Request {
        agreement: agreement.clone(),
        format: "HttpData-PULL".to_owned(),
        callback: "line:consumer".to_owned(),
        push: false,
    };
    Inbound {
        participant: PROVIDER.into(),
        caller: CONSUMER.into(),
        pid: None,
        message: TransferMessage { consumer_pid: Some(pid.into()), provider_pid: None, body },
        trace: None,
    }
}

#[tokio::test]
async fn a_consumer_has_so_many_open_transfers_and_another_only_when_one_has_ended() {
    let world = World::new(Vec::new(), Vec::new()).await;
    let (_, first) = started(&world).await;
    let agreement = first.agreement.clone().unwrap();
    let ask = |pid| world.provider.engine.receive_transfer(request(&agreement, pid));
    let second = ask("urn:two").await.unwrap();
    let refused = ask("urn:three").await.unwrap_err();
    assert!(matches!(&refused, EngineError::Refused { code: "transfer.too-many", process: None, .. }), "{refused}");
    assert_eq!(ask("urn:two").await.unwrap().pid, second.pid, "what was taken on is answered as before");
    let end = Action::Transfer { event: TransferEvent::Terminate, reasons: Reasons::default() };
    world.provider.engine.act(&first.pid, end).await.unwrap();
    assert!(ask("urn:three").await.is_ok());
}
