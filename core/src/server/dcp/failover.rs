//! DCP_GET_FAILOVER_LOG.

use crate::server::call::{Call, Stop};
use crate::server::status::Refused;
use crate::wire::dcp::{FailoverLogAnswer, GetFailoverLog};

/// `54` DCP_GET_FAILOVER_LOG.
pub(in crate::server) fn get_failover_log(call: &mut Call<'_, '_>) -> Result<(), Stop> {
    let request = GetFailoverLog::parse(call.frame)?;
    call.producer()?;
    let Some(log) = call.shared.engine.failover_log(request.vb) else {
        return Err(Refused::not_my_vbucket().into());
    };
    FailoverLogAnswer::encode(call.frame.header(), &log, call.out());
    Ok(())
}
