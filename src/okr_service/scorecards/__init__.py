"""How far each unit has come in a cycle, and how well it reports and acts."""
