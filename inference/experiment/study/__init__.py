"""The full study: worlds by seeds by arms, over rounds in which recommenders are retrained."""
