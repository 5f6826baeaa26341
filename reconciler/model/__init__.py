"""The field's nouns as plain data: slots, declared and observed state, operations, plans, history."""
