//! What nobody can guess.

use zeroize::Zeroizing;

use crate::report::Report;

/// 32 hex digits.
pub(crate) fn random() -> Result<Zeroizing<String>, Report> {
    let mut bytes = Zeroizing::new([0_u8; 16]);
    aws_lc_rs::rand::fill(bytes.as_mut())
        .map_err(|_unspecified| Report::new("the machine gives no random numbers"))?;
    Ok(Zeroizing::new(format!(
        "{:032x}",
        u128::from_be_bytes(*bytes)
    )))
}
