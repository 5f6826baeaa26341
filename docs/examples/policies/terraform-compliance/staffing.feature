Feature: Who may hold a slot

  Scenario Outline: Observers neither assess nor quality-assure
    Given I have <slot> defined
    When it has staff
    Then it must have staff
    And its value must not match the "^observer-" regex

    Examples:
      | slot                  |
      | default_assessor      |
      | learning_aim_assessor |
      | learning_aim_iqa      |

  Scenario: Every learner whose default assessor is declared has one
    Given I have default_assessor defined
    Then it must have staff
