"""How data becomes chunks: filters, faster compressors, chunks that are written whole."""
