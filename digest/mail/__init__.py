"""Mail on its way out and back: transports with one contract, signing, bounces, a local inbox."""
