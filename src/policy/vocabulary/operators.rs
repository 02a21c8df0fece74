//! The twelve operators of ODRL 2.2.

use std::cmp::Ordering;

/// How a left operand is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Operator {
    Eq,
    Neq,
    Lt,
    Lteq,
    Gt,
    Gteq,
    IsAnyOf,
    IsAllOf,
    IsNoneOf,
    IsA,
    IsPartOf,
    HasPart,
}

impl Operator {
    pub(crate) const ALL: [Self; 12] = [
        Self::Eq,
        Self::Neq,
        Self::Lt,
        Self::Lteq,
        Self::Gt,
        Self::Gteq,
        Self::IsAnyOf,
        Self::IsAllOf,
        Self::IsNoneOf,
        Self::IsA,
        Self::IsPartOf,
        Self::HasPart,
    ];

    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Eq => "eq",
            Self::Neq => "neq",
            Self::Lt => "lt",
            Self::Lteq => "lteq",
            Self::Gt => "gt",
            Self::Gteq => "gteq",
            Self::IsAnyOf => "isAnyOf",
            Self::IsAllOf => "isAllOf",
            Self::IsNoneOf => "isNoneOf",
            Self::IsA => "isA",
            Self::IsPartOf => "isPartOf",
            Self::HasPart => "hasPart",
        }
    }

    /// The operator of that local name; the published contexts have two slips: DSP's `term-lteq`, and `neg` as the IRI of `neq`.
    pub(crate) fn parse(name: &str) -> Option<Self> {
        match name {
            "term-lteq" => Some(Self::Lteq),
            "neg" => Some(Self::Neq),
            name => Self::ALL.into_iter().find(|operator| operator.as_str() == name),
        }
    }

    /// The operator that holds when this one does not, where there is one.
    pub(crate) const fn opposite(self) -> Option<Self> {
        Some(match self {
            Self::Eq => Self::Neq,
            Self::Neq => Self::Eq,
            Self::Lt => Self::Gteq,
            Self::Lteq => Self::Gt,
            Self::Gt => Self::Lteq,
            Self::Gteq => Self::Lt,
            Self::IsAnyOf => Self::IsNoneOf,
            Self::IsNoneOf => Self::IsAnyOf,
            Self::IsAllOf | Self::IsA | Self::IsPartOf | Self::HasPart => return None,
        })
    }

    /// How the left operand may stand to the right one.
    pub(crate) const fn orders(self) -> Orders {
        const LESS: u8 = Orders::bit(Ordering::Less);
        const EQUAL: u8 = Orders::bit(Ordering::Equal);
        const GREATER: u8 = Orders::bit(Ordering::Greater);
        Orders(match self {
            Self::Eq => EQUAL,
            Self::Neq => LESS | GREATER,
            Self::Lt => LESS,
            Self::Lteq => LESS | EQUAL,
            Self::Gt => GREATER,
            Self::Gteq => GREATER | EQUAL,
            _ => 0,
        })
    }

    /// Whether it compares by order.
    pub(crate) const fn is_order(self) -> bool {
        matches!(self, Self::Lt | Self::Lteq | Self::Gt | Self::Gteq)
    }
}

/// The orders of two values that an operator admits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Orders(u8);

impl Orders {
    #[inline]
    pub(crate) const fn admit(self, order: Ordering) -> bool {
        self.0 & Self::bit(order) != 0
    }

    const fn bit(order: Ordering) -> u8 {
        1 << (order as i8 + 1)
    }
}
