/** The default name of the database that servers keep users and what they share in. */
export const usersDatabase = "effect_app_services"
