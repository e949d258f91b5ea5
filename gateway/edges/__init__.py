"""The world, one module per technology: what the rules decide is carried out here."""
